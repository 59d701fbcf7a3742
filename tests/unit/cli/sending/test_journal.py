"""What the journal remembers, and what it does when it cannot."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from mediakiln.cli.sending import journal as module
from mediakiln.cli.sending.journal import NAME, Journal, Past
from mediakiln.cli.sending.walk import Found

FILE = Found("/a/b.jpg", 10, 20, listed=True)


def test_a_later_run_knows_what_an_earlier_one_noted(tmp_path: Path) -> None:
    with Journal.opened(tmp_path, "server", "job") as first:
        first.note(FILE, idempotency="k", upload="u")
        assert first.past(FILE) is None
    with Journal.opened(tmp_path, "server", "job") as second:
        assert second.past(FILE) == Past(same=True, idempotency="k", upload="u", asset=None)
        changed = second.past(replace(FILE, mtime_ns=21))
        assert changed is not None
        assert not changed.same
        second.forget(FILE)
        assert second.past(FILE) is None


def test_jobs_do_not_know_of_one_another(tmp_path: Path) -> None:
    with Journal.opened(tmp_path, "server", "job") as first:
        first.note(FILE, idempotency="k", asset="a")
    for job in (("server", "other"), ("serverjob", "")):
        with Journal.opened(tmp_path, *job) as second:
            assert second.past(FILE) is None


def test_a_name_that_is_no_utf_8_is_remembered(tmp_path: Path) -> None:
    odd = replace(FILE, path="/a/\udcff.jpg")
    with Journal.opened(tmp_path, "job") as first:
        first.note(odd, idempotency="k", asset="a")
    with Journal.opened(tmp_path, "job") as second:
        assert second.past(odd) is not None


def test_what_is_long_ago_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal.opened(tmp_path, "job") as first:
        first.note(FILE, idempotency="k", asset="a")
    monkeypatch.setattr(module, "KEPT_S", -1.0)
    with Journal.opened(tmp_path, "job") as second:
        assert second.past(FILE) is None


def test_a_journal_of_another_release_begins_anew(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / NAME) as other:
        other.execute("CREATE TABLE sent (x)")
        other.execute("PRAGMA user_version = 99")
    other.close()
    with Journal.opened(tmp_path, "job") as journal:
        journal.note(FILE, idempotency="k", asset="a")


def test_a_journal_that_breaks_is_told_of_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal.opened(tmp_path, "job") as journal:
        journal._database.execute("DROP TABLE sent")
        journal.note(FILE, idempotency="k")
        journal.note(FILE, idempotency="k")
        assert journal.past(FILE) is None
    assert capsys.readouterr().err.count("cannot be remembered") == 1
