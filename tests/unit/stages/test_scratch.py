"""Scratch belongs to a worker while it lives, and to nobody afterwards."""

import fcntl
from pathlib import Path

import pytest

from mediakiln.stages.process.scratch import Scratch


def test_folders_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path: Path) -> None:
    living = Scratch(tmp_path, owner="living")
    living.open()
    (tmp_path / "living" / "job").mkdir()
    (tmp_path / "dead" / "job").mkdir(parents=True)
    (tmp_path / "dead.lock").touch()
    other = Scratch(tmp_path, owner="other")
    other.open()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "living",
        "living.lock",
        "other",
        "other.lock",
    ]
    assert other.sweep() == 0
    living.close()
    other.close()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_swept_before_it_is_held_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, sweeper = fcntl.flock, Scratch(tmp_path, owner="sweeper")

    def late(handle: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        sweeper.open()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    worker = Scratch(tmp_path, owner="worker")
    worker.open()
    assert (tmp_path / "worker.lock").exists()
    assert sweeper.sweep() == 0, "the worker holds its lock"
    assert (tmp_path / "worker").is_dir()
    worker.close()
    sweeper.close()
