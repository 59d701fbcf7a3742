"""The few file calls the local engine is made of, each with its awkward cases handled once."""

import ctypes
import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast

from blake3 import blake3

from mediakiln.model.errors import (
    AlreadyExists,
    EngineError,
    EngineMisconfigured,
    InvalidRequest,
    MediakilnError,
    StorageFull,
)
from mediakiln.ports.folders import FULL
from mediakiln.ports.object_store import ObjectInfo

_NO_RANGE_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_COPY_STEP = 32 << 20
_READ_STEP = 1 << 20
_IOV_MAX = 1024
_KEEP_SIZE = 0x01
_PUNCH_HOLE = 0x02


def _loaded() -> Callable[[int, int, int, int], int] | None:
    """`fallocate` of the C library, which Python's `os` does not have."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        call.restype = ctypes.c_int
    return cast("Callable[[int, int, int, int], int] | None", call)


_fallocate = _loaded()


@contextmanager
def translated(key: str) -> Iterator[None]:
    """Turn what the operating system says about an object into our own errors."""
    try:
        yield
    except OSError as error:
        raise _translate(error, key) from error


def _translate(error: OSError, key: str) -> MediakilnError:
    name = errno.errorcode.get(error.errno or 0, "unknown")
    if error.errno in FULL:
        return StorageFull(key=key, errno=name, hint="Free or add disk space, then try again.")
    if error.errno in _REFUSED:
        return EngineMisconfigured(
            f"The store's folder does not allow this: {error.strerror}.",
            key=key,
            errno=name,
            hint="Give this process's user write access to the store's folder.",
        )
    return EngineError(f"The store's disk failed: {error.strerror}.", key=key, errno=name)


def info_of(key: str, status: os.stat_result) -> ObjectInfo:
    """An object as the store lists it.

    Time of writing and size tell bytes apart (see `stamp`), and go on doing so when the store is
    moved or restored with its times, where inode numbers would not.
    """
    return ObjectInfo(
        key=key,
        size=status.st_size,
        etag=f"{status.st_mtime_ns:x}-{status.st_size:x}",
        modified=datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC),
    )


def stamp(descriptor: int) -> None:
    """Set a file's time of writing to the nanosecond; the kernel's own stamp steps by a tick."""
    now = time.time_ns()
    os.utime(descriptor, ns=(now, now))


def open_regular(path: str) -> int:
    """Open a plain file for reading. A symbolic link is refused: it may lead out of a sandbox.

    Raises:
        InvalidRequest: there is no file, or it is something else than a plain file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}:
            raise
        raise InvalidRequest("There is no plain file to store.", path=path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidRequest("Only a plain file can be stored.", path=path)
    return descriptor


@contextmanager
def create_new(path: str) -> Iterator[int]:
    """A new file's descriptor for writing; the file is removed again if the block fails.

    Raises:
        AlreadyExists: there is something under that name.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError as error:
        raise AlreadyExists("The file to write exists.", path=path) from error
    try:
        with os.fdopen(descriptor, "wb", buffering=0):
            yield descriptor
    except BaseException:
        os.unlink(path)
        raise


def write_all(descriptor: int, pieces: Sequence[bytes | bytearray]) -> int:
    """Write all pieces in order, however little the system takes at a time; gives their size."""
    views = [memoryview(piece) for piece in pieces if piece]
    total = 0
    while views:
        written = os.writev(descriptor, views[:_IOV_MAX])
        total += written
        done = 0
        while done < len(views) and written >= len(views[done]):
            written -= len(views[done])
            done += 1
        views = views[done:]
        if written:
            views[0] = views[0][written:]
    return total


def free_range(descriptor: int, start: int, length: int) -> None:
    """Give a range's space back to the file system; its bytes are zeroes then.

    Where the file system or the C library cannot (fallocate(2), Linux alone), nothing happens.
    """
    if _fallocate is None or length < 1:
        return
    if _fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, start, length) < 0:
        code = ctypes.get_errno()
        if code not in {errno.EOPNOTSUPP, errno.ENOSYS}:
            raise OSError(code, os.strerror(code))


def copy_all(source: int, target: int, stop: threading.Event) -> None:
    """Copy a file's bytes inside the kernel, sharing blocks where the file system can.

    Args:
        source: descriptor, read from its beginning.
        target: descriptor, written at its position.
        stop: set by another thread to end the copy early, with an error.
    """
    offset = 0
    by_range = True
    while True:
        if stop.is_set():
            raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
        try:
            copied = (
                os.copy_file_range(source, target, _COPY_STEP, offset)
                if by_range
                else os.sendfile(target, source, offset, _COPY_STEP)
            )
        except OSError as error:
            if not by_range or error.errno not in _NO_RANGE_COPY:
                raise
            by_range = False
            continue
        if copied == 0:
            return
        offset += copied


def digest_of(path: str, stop: threading.Event) -> blake3:
    """The hash of a plain file's bytes. They are read and not mapped: the file may be cut off.

    Args:
        path: the file's.
        stop: set by another thread to end early, with an error.
    """
    digest, buffer = blake3(), bytearray(_READ_STEP)
    view = memoryview(buffer)
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            if stop.is_set():
                raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
            digest.update(view[:count])
    return digest


def read_plain(path: str) -> bytes:
    """A plain file's bytes.

    Raises:
        InvalidRequest: as `open_regular`.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read()


def write_new(path: str, data: bytes) -> None:
    """Make a file of bytes.

    Raises:
        AlreadyExists: there is something under that name.
    """
    with create_new(path) as target:
        write_all(target, [data])


def sync_folder(folder: str) -> int:
    """Make a folder's entries durable; gives its inode number."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)
