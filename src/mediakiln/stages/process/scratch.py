"""Scratch folders: one per claimed run, gone when it ends, swept when its worker died.

Each worker holds a lock on `{owner}.lock` while it lives; a folder whose lock nobody holds
belongs to a dead worker.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mediakiln.ports import folders


@dataclass(frozen=True, slots=True)
class Place:
    """Where one child works on a run. It can write to `scratch` and to nothing else."""

    fetched: Path
    """What the run's children read and is in no folder of the store's own."""
    scratch: Path
    kept: Path
    """Second names of what it made."""

    @classmethod
    def below(cls, folder: Path) -> Self:
        """Folders for one more child in the folder of a run: none works where another was."""
        fetched, own = folder / "fetched", Path(tempfile.mkdtemp(dir=folder))
        fetched.mkdir(exist_ok=True)
        place = cls(fetched, own / "scratch", own / "kept")
        place.scratch.mkdir()
        place.kept.mkdir()
        return place


class Scratch:
    """The scratch folders of one worker, below `root`."""

    def __init__(self, root: Path, *, owner: str) -> None:
        self._root = root
        self._folder = root / owner
        self._lock: int | None = None
        self._owner = owner

    def open(self) -> None:
        """Take this worker's place, and sweep what dead workers left. Safe to call again."""
        if self._lock is not None:
            return
        self._root.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self._root / f"{self._owner}.lock")
        self._folder.mkdir(exist_ok=True)
        self.sweep()

    def sweep(self) -> int:
        """Remove the folders of dead workers; returns how many there were."""
        swept = 0
        for lock in self._root.glob("*.lock"):
            if lock.stem != self._owner:
                swept += _removed_if_dead(lock)
        return swept

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A new, empty folder of that name, removed at the end whatever happened."""
        self.open()
        path = self._folder / name
        folders.removed(path)
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            folders.removed(path)

    def close(self) -> None:
        """Give up this worker's place."""
        if self._lock is None:
            return
        folders.removed(self._folder)
        (self._root / f"{self._owner}.lock").unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None


def _locked(path: Path) -> int:
    """Make a lock file and lock it; again where a sweep took it before it was locked."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if path.exists() and os.path.samestat(path.stat(), os.fstat(handle)):
            return handle
        os.close(handle)


def _removed_if_dead(lock: Path) -> bool:
    """Remove a worker's folder and lock file while holding its lock, if it can be had."""
    try:
        handle = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        folders.removed(lock.with_suffix(""))
        lock.unlink(missing_ok=True)
        return True
    finally:
        os.close(handle)
