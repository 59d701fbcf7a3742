"""Locks on ranges of a file, between descriptors: of one process as well as of several.

They are Linux's open file description locks (fcntl(2), `F_OFD_SETLK`). The kernel drops them with
the descriptor, so a killed writer holds nothing.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from mediakiln.model.errors import EngineMisconfigured

_FLOCK = struct.Struct("@hhqqi4x")
_TAKEN = frozenset({errno.EAGAIN, errno.EACCES})
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


def try_lock(descriptor: int, start: int, length: int) -> bool:
    """Take a range for oneself until the descriptor is closed; whether it was free.

    Args:
        descriptor: open for writing.
        start: the first byte, which need not exist.
        length: how many bytes; 0 for all that follow.
    """
    try:
        _call(descriptor, fcntl.F_OFD_SETLK, fcntl.F_WRLCK, start, length)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def release(descriptor: int, start: int) -> None:
    """Give up all from `start` on."""
    _call(descriptor, fcntl.F_OFD_SETLK, fcntl.F_UNLCK, start, 0)


@contextmanager
def held(descriptor: int, start: int, *, shared: bool) -> Iterator[None]:
    """Hold one byte, alone or with others, and wait until that is possible."""
    kind = fcntl.F_RDLCK if shared else fcntl.F_WRLCK
    _call(descriptor, fcntl.F_OFD_SETLKW, kind, start, 1)
    try:
        yield
    finally:
        _call(descriptor, fcntl.F_OFD_SETLK, fcntl.F_UNLCK, start, 1)


def _call(descriptor: int, command: int, kind: int, start: int, length: int) -> None:
    wanted = _FLOCK.pack(kind, os.SEEK_SET, start, length, 0)
    try:
        fcntl.fcntl(descriptor, command, wanted)
    except OSError as error:
        if error.errno in _UNKNOWN:
            raise EngineMisconfigured(
                f"The store's file system locks no ranges of files: {error.strerror}.",
                errno=errno.errorcode[error.errno],
                hint="Keep the store on ext4, XFS, Btrfs, ZFS, tmpfs or NFS 4.",
            ) from error
        raise
