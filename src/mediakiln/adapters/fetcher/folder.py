"""A folder of this machine as a place to import from."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from mediakiln.model.errors import EngineMisconfigured, FetchFailed, FetchRefused, TooLarge
from mediakiln.ports.fetcher import Fetched, Found

CHUNK = 1 << 20
_BATCH = 500


class FolderPlace:
    """The plain files below a folder; symbolic links and hidden files are passed over.

    Each step of a key is opened below the one before without following links, so that nobody
    who can write there makes us read elsewhere.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The place for `file:///folder`.

        Raises:
            EngineMisconfigured: the path is not absolute.
        """
        parts = urlsplit(url)
        path = Path(unquote(parts.path))
        if parts.netloc or not path.is_absolute() or ".." in path.parts:
            raise EngineMisconfigured(f"{url} names no folder", hint="write file:///folder")
        return cls(path)

    async def list(self, prefix: str, *, start_after: str = "") -> AsyncIterator[Found]:
        """Files in the order of their keys' parts, which an import can go on in."""
        after = tuple(start_after.split("/")) if start_after else ()
        walk = _walk(self._root, (), prefix, after)
        while True:
            batch = await asyncio.to_thread(_take, walk, self._root)
            for found in batch:
                yield found
            if len(batch) < _BATCH:
                return

    @asynccontextmanager
    async def open(self, key: str, *, max_bytes: int) -> AsyncIterator[Fetched]:
        """A file as it is now.

        Raises:
            FetchRefused: there is no plain file of that key.
            TooLarge: it has more bytes.
        """
        descriptor = await asyncio.to_thread(open_below, self._root, key)
        try:
            size = os.fstat(descriptor).st_size
            if size > max_bytes:
                raise TooLarge(
                    f"the file is larger than {max_bytes} bytes", limit=max_bytes, value=size
                )
            yield Fetched(
                chunks=chunks_of(descriptor, size), name=key.rpartition("/")[2], size=size
            )
        finally:
            os.close(descriptor)

    async def close(self) -> None:
        """Nothing is held."""


def open_below(root: Path, key: str) -> int:
    """A plain file's descriptor for reading, opened part by part without following links.

    Raises:
        FetchRefused: there is no plain file of that key.
    """
    *folders, name = key.split("/")
    here = -1
    try:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        for folder in folders:
            _check_part(folder)
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        _check_part(name)
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
    except (OSError, ValueError) as error:
        # The reason alone: whoever asks is not told where the folder lies.
        reason = error.strerror if isinstance(error, OSError) else error
        raise FetchRefused(f"{key[:200]} cannot be read: {reason}") from error
    finally:
        if here >= 0:
            os.close(here)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise FetchRefused(f"{key[:200]} is no plain file")
    return found


async def chunks_of(descriptor: int, size: int) -> AsyncIterator[bytes]:
    """The file's first `size` bytes.

    Raises:
        FetchFailed: it has become shorter.
    """
    left = size
    while left:
        chunk = await asyncio.to_thread(os.read, descriptor, min(CHUNK, left))
        if not chunk:
            raise FetchFailed("the file became shorter while it was read")
        left -= len(chunk)
        yield chunk


def _check_part(part: str) -> None:
    if part in {"", ".", ".."}:
        raise ValueError("not a key")


def _take(walk: Iterator[Found], root: Path) -> list[Found]:
    try:
        return list(islice(walk, _BATCH))
    except OSError as error:
        raise FetchRefused(f"{root} cannot be listed: {error.strerror}") from error


def _walk(
    folder: Path, above: tuple[str, ...], prefix: str, after: tuple[str, ...]
) -> Iterator[Found]:
    """Files below a folder, sorted name by name; whole folders that cannot match are left out."""
    with os.scandir(folder) as entries:
        names = sorted((entry.name, entry) for entry in entries)
    for name, entry in names:
        parts = (*above, name)
        key = "/".join(parts)
        if name.startswith(".") or not name.isprintable() or parts < after[: len(parts)]:
            continue
        if entry.is_dir(follow_symlinks=False):
            if key.startswith(prefix) or prefix.startswith(f"{key}/"):
                yield from _walk(folder / name, parts, prefix, after)
        elif entry.is_file(follow_symlinks=False) and key.startswith(prefix) and parts > after:
            yield Found(key, entry.stat(follow_symlinks=False).st_size)
