"""Checking and measuring what an operation made.

Both sides check: the child to report what is wrong, the runner because a child may lie.
"""

import errno
import os
import re
import stat
import unicodedata
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mediakiln.model.errors import OperationFailed
from mediakiln.model.product import Product
from mediakiln.ports.folders import measured

_CHECKSUM = re.compile(r"blake3:[0-9a-f]{64}")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+( *; *[\w.+-]+=[\w.+\"-]+)*", re.ASCII)
_MEDIA_TYPE_CHARS = 255
MAX_PRODUCTS = 20_000
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
    with open_file(folder, file) as opened:
        return measured(opened)


def check(product: Product) -> None:
    """Whether a product's name and type can stand in a store's listing and in an HTTP header.

    Raises:
        OperationFailed: one cannot.
    """
    file, kind = product.file, product.media_type
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in file):
        raise OperationFailed(f"the product {file!r:.200} has control characters", file=file)
    if len(kind) > _MEDIA_TYPE_CHARS or _MEDIA_TYPE.fullmatch(kind) is None:
        raise OperationFailed(f"{kind!r:.200} is no media type", file=file)


def is_checksum(text: object) -> bool:
    """Whether it has the form that `measure` gives."""
    return isinstance(text, str) and _CHECKSUM.fullmatch(text) is not None
