"""Files and folders that a job's child wrote: measured, and removed whatever it made of them.

A child nests folders deeper than any recursion or path goes, and takes away its own rights to
them. Each is opened from one that is open already, and no link is followed.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

_CHUNK_BYTES = 1024 * 1024
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers of the errors that say that no space is left."""

Folders = Callable[[str], AbstractContextManager[Path]]
"""A new, empty folder of a name, removed at the end."""


@contextmanager
def opened(folder: Path | str, above: int | None = None) -> Iterator[int]:
    """A folder's descriptor.

    Raises:
        OSError: it is a link, or no folder.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder, flags, dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def removed(path: Path) -> None:
    """Remove a folder and all that lies in it; what cannot be removed stays."""
    with suppress(OSError):
        _unlock(path)
        with opened(path) as folder:
            cleared(folder)
    with suppress(OSError):
        path.rmdir()


def cleared(folder: int, *, keep: str | None = None, most: int | None = None) -> None:
    """Remove all that lies in an open folder but one name.

    Args:
        folder: its descriptor.
        keep: the name that stays.
        most: entries that are removed before it is given up, for a folder whose child lives on.

    Raises:
        OSError: something could not be removed, or there was more than `most`.
    """
    found = [name for name in os.listdir(folder) if name != keep]
    waiting, count = _unlinked(found, folder), len(found)
    while waiting:
        if most is not None and count > most:
            raise OSError(errno.E2BIG, f"there are more than {most:,} files")
        name = waiting.pop()
        _unlock(name, folder)
        with opened(name, folder) as inner:
            found = os.listdir(inner)  # noqa: PTH208 - of a descriptor
            count += len(found)
            for below in _unlinked(found, inner):  # raised: depth has no bound, and paths have one
                raised = secrets.token_hex(16)
                _unlock(below, inner)
                os.rename(below, raised, src_dir_fd=inner, dst_dir_fd=folder)
                waiting.append(raised)
        os.rmdir(name, dir_fd=folder)


def _unlinked(names: Iterable[str], folder: int) -> list[str]:
    """Remove what of these is no folder; the folders among them."""
    left = []
    for name in names:
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            left.append(name)
        else:
            os.unlink(name, dir_fd=folder)
    return left


def _unlock(folder: Path | str, above: int | None = None) -> None:
    """Take back the owner's rights to a folder."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder, flags, dir_fd=above)
    try:
        if os.fstat(descriptor).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            Path(f"/proc/self/fd/{descriptor}").chmod(stat.S_IRWXU)
    finally:
        os.close(descriptor)


def measured(file: BinaryIO) -> tuple[int, str]:
    """An unbuffered file's size in bytes, and `blake3:` with the 64 hexadecimal digits of its hash.

    It is read and not mapped, since whoever writes to it may cut it off.
    """
    digest = blake3()
    size = 0
    buffer = bytearray(min(_CHUNK_BYTES, os.fstat(file.fileno()).st_size + 1))
    view = memoryview(buffer)
    while count := file.readinto(buffer):  # type: ignore[attr-defined]
        digest.update(view[:count])
        size += count
    return size, f"blake3:{digest.hexdigest()}"
