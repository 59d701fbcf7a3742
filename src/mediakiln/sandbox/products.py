"""Checking and measuring what an operation made.

Both sides check: the child to report what is wrong, the runner because a child may lie.
"""

import errno
import os
import re
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from blake3 import blake3

from mediakiln.model.errors import OperationFailed

_CHECKSUM = re.compile(r"blake3:[0-9a-f]{64}")
MAX_PRODUCTS = 20_000
_CHUNK_BYTES = 1024 * 1024
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_file(folder: Path, file: str) -> BinaryIO:
    """Open `file` below `folder`, if it is a regular file reached without any link.

    Each part is opened from the one before it, so nobody can put a link in between.

    Raises:
        OperationFailed: the name leaves the folder, a part of it is a link, or it is no file.
    """
    parts = PurePosixPath(file).parts
    if "/".join(parts) != file or {"..", "/"} & set(parts) or "\0" in file or not parts:
        raise OperationFailed(f"{file!r:.200} is no plain path below the step's folder", file=file)
    opened = -1
    try:
        opened = os.open(folder, _FOLDER)
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=opened)
            os.close(opened)
            opened = inner
        found = os.open(parts[-1], _FILE, dir_fd=opened)
    except OSError as error:
        reason = "is a link" if error.errno == errno.ELOOP else error.strerror
        raise OperationFailed(f"the product {file!r:.200}: {reason}", file=file) from None
    finally:
        if opened >= 0:
            os.close(opened)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OperationFailed(f"the product {file!r:.200} is not a regular file", file=file)
    return os.fdopen(found, "rb", buffering=0)


def measure(folder: Path, file: str) -> tuple[int, str]:
    """The file's size in bytes, and `blake3:` with the 64 hexadecimal digits of its hash.

    Raises:
        OperationFailed: as `open_file`.
    """
    digest = blake3()
    size = 0
    with open_file(folder, file) as opened:
        buffer = bytearray(min(_CHUNK_BYTES, os.fstat(opened.fileno()).st_size + 1))
        view = memoryview(buffer)
        while count := opened.readinto(buffer):  # type: ignore[attr-defined]
            digest.update(view[:count])
            size += count
    return size, f"blake3:{digest.hexdigest()}"


def is_checksum(text: object) -> bool:
    """Whether it has the form that `measure` gives."""
    return isinstance(text, str) and _CHECKSUM.fullmatch(text) is not None
