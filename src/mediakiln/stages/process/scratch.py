"""Scratch folders: one per claimed run, gone when it ends, swept when its worker died.

Each worker holds a lock on `{owner}.lock` while it lives; a folder whose lock nobody holds
belongs to a dead worker.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Give up this worker's place."""
        if self._lock is None:
            return
        shutil.rmtree(self._folder, ignore_errors=True)
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
        shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
        lock.unlink(missing_ok=True)
        return True
    finally:
        os.close(handle)
