import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mediakiln.adapters.broker import sqlite_claim
from mediakiln.adapters.broker.sqlite_claim import claim, glance
from mediakiln.adapters.broker.sqlite_file import connect
from mediakiln.adapters.broker.sqlite_queue import Transaction, ensure, group_id, publish
from mediakiln.testing.broker_tools import TOPOLOGY, made


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    with closing(connect(tmp_path / "broker.db", writes=True)) as connection:
        tx = Transaction(connection)
        ensure(tx, TOPOLOGY)
        yield tx


def claimed(tx: Transaction, limit: int, turns: dict[int, str] | None = None) -> list[str]:
    group = group_id(tx.connection, "work", "workers")
    got = claim(tx, group, limit, 30.0, {} if turns is None else turns)
    return [lease.message.id for lease in got.leases]


def test_projects_take_turns_within_one_claim(tx: Transaction) -> None:
    for project, count in (("a", 3), ("b", 1), ("c", 2)):
        publish(tx, "work", None, made(count, project=project, prefix=project), 0)
    assert [id[0] + id[-1] for id in claimed(tx, 10)] == ["a0", "b0", "c0", "a1", "c1", "a2"]


def test_the_next_claim_begins_after_the_project_served_last(tx: Transaction) -> None:
    turns: dict[int, str] = {}
    for project in ("a", "b", "c"):
        publish(tx, "work", None, made(5, project=project, prefix=project), 0)
    first = [claimed(tx, 1, turns)[0][0] for _ in range(7)]
    assert first == ["a", "b", "c", "a", "b", "c", "a"]


def test_more_projects_than_the_limit_all_come_round(tx: Transaction) -> None:
    turns: dict[int, str] = {}
    for number in range(10):
        publish(tx, "work", None, made(2, project=f"p{number}", prefix=f"{number}-"), 0)
    first = [id[0] for _ in range(4) for id in claimed(tx, 3, turns)]
    assert first == list("012345678901")


def test_a_glance_sees_ready_due_and_coming(tx: Transaction) -> None:
    group = group_id(tx.connection, "work", "workers")
    nothing = glance(tx.connection, group)
    assert nothing is not None
    assert nothing.due is None
    publish(tx, "work", None, made(1), 60)
    coming = glance(tx.connection, group)
    assert coming is not None
    assert coming.due is not None
    assert 50 < coming.due - time.time() <= 60
    publish(tx, "work", None, made(1), 0)
    assert glance(tx.connection, group) is None


@pytest.mark.parametrize("held", ["leased", "delayed"])
def test_a_claim_does_not_walk_over_what_is_held(tx: Transaction, held: str) -> None:
    """Counted in steps of SQLite's virtual machine, so that no clock is needed."""
    alone = _steps(tx, 1)
    tx.connection.execute("BEGIN")
    publish(tx, "work", None, made(5000), 600.0 if held == "delayed" else 0.0)
    if held == "leased":
        claimed(tx, 5000)
    tx.connection.execute("COMMIT")
    assert _steps(tx, 1) < alone + 100


def test_a_claim_costs_the_same_however_much_is_ready(tx: Transaction) -> None:
    alone = _steps(tx, 1)
    tx.connection.execute("BEGIN")
    publish(tx, "work", None, made(10_000), 0)
    tx.connection.execute("COMMIT")
    assert _steps(tx, 1) < alone + 100


def _steps(tx: Transaction, limit: int) -> int:
    publish(tx, "work", None, made(limit), 0)
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    tx.connection.set_progress_handler(step, 1)
    assert len(claimed(tx, limit)) == limit
    tx.connection.set_progress_handler(None, 1)
    return count


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (sqlite_claim._NEXT_PROJECT, (1, "")),
        (sqlite_claim._FIRST_PROJECT, (1,)),
        (sqlite_claim._READY_LINE, (1, "")),
        (sqlite_claim._PROMOTE, (1, 0.0, 1)),
    ],
)
def test_every_query_of_a_claim_seeks(
    tx: Transaction, statement: str, values: tuple[object, ...]
) -> None:
    plan = tx.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    steps = [str(row[3]) for row in plan]
    assert not [step for step in steps if step.startswith(("SCAN", "USE TEMP"))], steps


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with (
        closing(connect(tmp_path / "broker.db", writes=False)) as reader,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        reader.execute("DELETE FROM messages")
