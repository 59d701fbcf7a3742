"""What is uploaded: files, bytes and open files, read in pieces, any range again and again."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, Protocol

from mediakiln.client.errors import SourceChanged

CHUNK: Final = 256 * 1024

Sendable = str | os.PathLike[str] | bytes | IO[bytes]
"""A file's path, its bytes, or a file open for reading."""
Progress = Callable[[int, int | None], None]
"""Called with bytes sent so far and in all (None where that is not known), maybe in a thread."""


class Source(Protocol):
    """An upload that is ready to be read."""

    name: str
    size: int | None
    repeatable: bool
    """Whether it can be read again, and in several places at once."""

    def pieces(self, start: int, end: int | None) -> Iterator[bytes]:
        """The bytes of a range, exactly; None: all there are.

        Raises:
            SourceChanged: there are fewer than there were.
        """
        ...

    def check(self) -> None:
        """Whether it is still what it was.

        Raises:
            SourceChanged: it is not.
        """
        ...


def source_of(what: Sendable, name: str | None) -> Source:
    """What to send, and under which name.

    Raises:
        ValueError: bytes or a nameless file were given without a name.
        OSError: the file cannot be read.
    """
    if isinstance(what, bytes):
        return _Bytes(_named(name), what)
    if isinstance(what, str | os.PathLike):
        return _OnDisk(Path(what), name)
    return _Opened(what, _named(name or _name_of(what)))


class _OnDisk:
    def __init__(self, path: Path, name: str | None) -> None:
        self.name = name or path.name
        self.repeatable = True
        self._path = path
        self._first = _form(path)
        self.size: int | None = self._first[0]

    def pieces(self, start: int, end: int | None) -> Iterator[bytes]:
        with self._path.open("rb", buffering=0) as file:
            file.seek(start)
            yield from _read(file, end - start if end is not None else None)

    def check(self) -> None:
        if _form(self._path) != self._first:
            raise SourceChanged(f"{self._path} was changed while it was sent")


class _Bytes:
    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.repeatable = True
        self.size: int | None = len(data)
        self._data = data

    def pieces(self, start: int, end: int | None) -> Iterator[bytes]:
        stop = len(self._data) if end is None else end
        for at in range(start, stop, CHUNK):
            yield self._data[at : min(at + CHUNK, stop)]

    def check(self) -> None:
        """Bytes do not change."""


class _Opened:
    """A file that the caller opened; it is read from where it stands, and stays open."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self.repeatable = file.seekable()
        self.size: int | None = None
        self._file = file
        self._begin = 0
        self._lock = threading.Lock()
        if self.repeatable:
            self._begin = file.tell()
            self.size = file.seek(0, os.SEEK_END) - self._begin
            file.seek(self._begin)

    def pieces(self, start: int, end: int | None) -> Iterator[bytes]:
        if not self.repeatable:
            yield from _read(self._file, None)
            return
        at, stop = start, self.size or 0 if end is None else end
        while at < stop:
            with self._lock:
                self._file.seek(self._begin + at)
                piece = self._file.read(min(CHUNK, stop - at))
            if not piece:
                raise SourceChanged(f"{self.name} became shorter while it was sent")
            at += len(piece)
            yield piece

    def check(self) -> None:
        """Nobody but the caller can change it."""


class GivenUp(Exception):
    """There is no use in sending more of the upload."""


class Tally:
    """Bytes sent of one upload, whichever range they are of; told to the caller's progress.

    A range that is tried again is counted again, and what is told never goes down.
    """

    def __init__(self, size: int | None, progress: Progress | None, done: int = 0) -> None:
        self._size = size
        self._progress = progress
        self._done = self._told = done
        self._of: dict[int, int] = {}
        self._lock = threading.Lock()
        self._given_up = False

    def give_up(self) -> None:
        """End whatever is on its way, at its next piece."""
        self._given_up = True

    def counted(self, range_: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces, each counted once it was taken.

        Raises:
            GivenUp: another range failed meanwhile.
        """
        self._add(range_, -self._of.get(range_, 0))
        for piece in pieces:
            if self._given_up:
                raise GivenUp
            yield piece
            self._add(range_, len(piece))

    def _add(self, range_: int, count: int) -> None:
        with self._lock:
            self._of[range_] = self._of.get(range_, 0) + count
            self._done += count
            if self._progress is None or self._done <= self._told:
                return
            self._told = self._done
            self._progress(self._told, self._size)


def _read(file: IO[bytes], count: int | None) -> Iterator[bytes]:
    left = count
    while left is None or left > 0:
        piece = file.read(CHUNK if left is None else min(CHUNK, left))
        if not piece:
            if left is None:
                return
            raise SourceChanged(f"{file.name} became shorter while it was sent")
        if left is not None:
            left -= len(piece)
        yield piece


def _form(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _named(name: str | None) -> str:
    if not name:
        raise ValueError("give the upload a name")
    return name


def _name_of(file: IO[bytes]) -> str | None:
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) else None
