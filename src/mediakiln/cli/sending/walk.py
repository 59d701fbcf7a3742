"""Finding files: lazily, so that a folder of any size costs no memory."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Found:
    """A file to send.

    Attributes:
        path: as it is shown: the given folder's with the rest behind it.
        size: bytes.
        mtime_ns: when it was last changed.
        listed: it was found in a folder, not named itself.
    """

    path: str
    size: int
    mtime_ns: int
    listed: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that cannot be looked at."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which files of folders are sent. Patterns without a slash are about the name alone."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False

    def folder(self, place: str, name: str) -> bool:
        """Whether to look into a folder."""
        return self._visible(name) and not _matches(self.exclude, place, name)

    def file(self, place: str, name: str) -> bool:
        """Whether to send a file."""
        return (
            self._visible(name)
            and (not self.include or _matches(self.include, place, name))
            and not _matches(self.exclude, place, name)
        )

    def _visible(self, name: str) -> bool:
        return self.hidden or not name.startswith(".")


def walk(places: Sequence[Path], wanted: Wanted) -> Iterator[Found | Unreadable]:
    """The files named, and those of the folders named, in no particular order.

    Links to files are followed, links to folders are not: they may lead in circles. What is
    neither file nor folder (a socket, a pipe) is left out inside folders.
    """
    for place in places:
        path = str(place)
        try:
            found = place.stat()
        except OSError as error:
            yield Unreadable(path, str(error))
            continue
        if stat.S_ISDIR(found.st_mode):
            yield from _inside(path, "", wanted)
        elif stat.S_ISREG(found.st_mode):
            yield Found(path, found.st_size, found.st_mtime_ns, listed=False)
        else:
            yield Unreadable(path, f"{path} is neither a file nor a folder")


def _inside(folder: str, below: str, wanted: Wanted) -> Iterator[Found | Unreadable]:
    try:
        entries = os.scandir(folder)
    except OSError as error:
        yield Unreadable(folder, str(error))
        return
    with entries:
        for entry in entries:
            place = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if wanted.folder(place, entry.name):
                    yield from _inside(entry.path, f"{place}/", wanted)
            elif wanted.file(place, entry.name):
                yield from _file(entry)


def _file(entry: os.DirEntry[str]) -> Iterator[Found | Unreadable]:
    try:
        found = entry.stat()
    except OSError as error:  # a link that leads nowhere, or it was deleted meanwhile
        yield Unreadable(entry.path, str(error))
        return
    if stat.S_ISREG(found.st_mode):
        yield Found(entry.path, found.st_size, found.st_mtime_ns, listed=True)


def _matches(patterns: Sequence[str], place: str, name: str) -> bool:
    return any(fnmatch(place if "/" in pattern else name, pattern) for pattern in patterns)
