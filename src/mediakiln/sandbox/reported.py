"""What a child reports, believed only as far as it checks out.

A child that a file has taken over says what it likes, and goes on changing its folder afterwards.
So a product is opened without following any link and, where there is a folder out of the child's
reach, given a second name there: who stores it finds the file that was looked at, whatever the
child puts in its place. One that somebody still writes to is copied instead.
"""

import fcntl
import json
import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mediakiln.model.errors import (
    BadMedia,
    CommandFailed,
    EmptyFile,
    EngineError,
    EngineMisconfigured,
    InvalidRecipe,
    LimitExceeded,
    MediakilnError,
    ModelUnavailable,
    NotSupported,
    OperationFailed,
    OutsideImage,
    PasswordRequired,
    SandboxKill,
    ScratchExceeded,
    StorageFull,
    UnsupportedMedia,
)
from mediakiln.model.product import Product
from mediakiln.ports.folders import FULL, opened
from mediakiln.ports.runner import Made, Task
from mediakiln.sandbox import products, wire

_MIB: Final = 1024 * 1024
_MOST_TOOLS: Final = 64
_MOST_CHARS: Final = 200
_FEW_FILES: Final = 1_000
"""File numbers left, below which a file system may well be full for want of them."""
_READ_ONLY: Final = 0o444
_OF_STEPS: Final = (
    BadMedia,
    CommandFailed,
    EmptyFile,
    EngineMisconfigured,
    InvalidRecipe,
    LimitExceeded,
    ModelUnavailable,
    NotSupported,
    OperationFailed,
    OutsideImage,
    PasswordRequired,
    SandboxKill,
    StorageFull,
    UnsupportedMedia,
)
"""What a step may fail with. Other errors mean something to those who work around it."""


class Untrue(Exception):
    """The child said what a sound one cannot say."""


LIES: Final = (
    Untrue,
    AttributeError,
    KeyError,
    OperationFailed,
    OverflowError,
    RecursionError,
    ScratchExceeded,
    TypeError,
    ValueError,
)
"""What reading a report made up by hostile code can raise."""


def message(body: bytes) -> Any:
    """A frame's JSON.

    Raises:
        Untrue, ValueError, RecursionError: it is none.
    """
    return json.loads(body, parse_constant=_no_constant)


def _no_constant(text: str) -> Any:
    raise Untrue(text)


def seconds(value: object, most: float) -> float:
    """A duration, at most as long as the child has lived.

    Raises:
        Untrue: it is no number.
    """
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise Untrue(f"{value!r:.50} seconds")
    return min(max(float(value), 0.0), most)


def tools(told: Mapping[str, Any]) -> dict[str, str]:
    """Versions of what the operation used.

    Raises:
        Untrue: they are too many, or too long.
    """
    found = {str(name): str(version) for name, version in told.items()}
    if len(found) > _MOST_TOOLS or any(
        len(word) > _MOST_CHARS for pair in found.items() for word in pair
    ):
        raise Untrue("the versions of its tools")
    return found


def error(raw: Mapping[str, Any], task: Task) -> MediakilnError:
    """The error that a task met; one that is not a step's to meet is an `OperationFailed`.

    Raises:
        Untrue: no space is left, it says, and there is. Such a step would be tried without end.
    """
    found = wire.decode_error(raw)
    if isinstance(found, StorageFull) and not _is_full(task.out, task.limits.scratch_mb * _MIB):
        raise Untrue("that no space is left")
    return (
        found
        if isinstance(found, _OF_STEPS)
        else OperationFailed(found.message, reported=found.code)
    )


def _is_full(folder: Path, wanted: int) -> bool:
    status = os.statvfs(folder)
    few = status.f_files > 0 and status.f_favail < _FEW_FILES
    return few or status.f_bavail * status.f_frsize < wanted


class Kept:
    """The products of a job's tasks, named a second time in `folder`; where that is None, not."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._count = 0
        self.bytes = 0
        """The products' sizes, of all tasks together."""

    def take(self, task: Task, entries: Sequence[Mapping[str, Any]]) -> list[Made]:
        """A task's products. Takes long where they are many.

        Raises:
            One of `LIES`: they are not as reported, or more than the task may write.
            StorageFull, EngineError: they could not be linked, nor copied.
        """
        if len(entries) > products.MAX_PRODUCTS:
            raise Untrue(f"{len(entries):,} products")
        if len({entry["file"] for entry in entries}) < len(entries):
            raise Untrue("a product twice")
        most = self.bytes + task.limits.scratch_mb * _MIB
        return [self._taken(task, entry, most) for entry in entries]

    def _taken(self, task: Task, entry: Mapping[str, Any], most: int) -> Made:
        product = Product(
            file=entry["file"], media_type=entry["media_type"], metadata=entry["metadata"]
        )
        products.check(product)
        checksum = entry["checksum"]
        with products.open_file(task.out, product.file) as file:
            size = os.fstat(file.fileno()).st_size
            if size != entry["bytes"] or not products.is_checksum(checksum):
                raise Untrue(f"the measures of {product.file!r:.80}")
            self.bytes += size  # with each of its names: it may be copied, and is stored, for each
            if self.bytes > most:
                raise _too_much(task)
            path = task.out / product.file
            if self._folder is not None:
                path = self._named_again(file.fileno(), size, self._folder)
        return Made(product, path, size, checksum)

    def _named_again(self, file: int, size: int, folder: Path) -> Path:
        self._count += 1
        path = folder / str(self._count)
        try:
            with opened(folder) as kept:
                linked = _linked(file, path.name, kept)
            if not linked:
                _copy(file, path, size)
        except FileNotFoundError:
            raise Untrue("a product that it removes again") from None
        except OSError as error:
            if error.errno in FULL:
                raise StorageFull("no space was left for the step's products") from None
            raise EngineError(f"a product cannot be kept: {error.strerror}") from error
        return path


def _too_much(task: Task) -> ScratchExceeded:
    limit = task.limits.scratch_mb
    return ScratchExceeded(
        f"the step made products of more than the {limit:,} MiB that are allowed",
        limit=limit,
        unit="MiB",
    )


def _linked(file: int, name: str, folder: int) -> bool:
    """Give an open file another name, and take away everybody's right to write to it.

    A child's filter keeps it from changing that back. Where the file system has no second names,
    or somebody has the file open for writing already, it is to be copied.

    Raises:
        FileNotFoundError: it has no name any more.
    """
    try:
        os.link(f"/proc/self/fd/{file}", name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise
        return False
    with suppress(OSError):
        os.fchmod(file, _READ_ONLY)
        now = time.time_ns()
        os.utime(file, ns=(now, now))
    if _is_written(file):
        os.unlink(name, dir_fd=folder)
        return False
    return True


def _is_written(file: int) -> bool:
    """Whether somebody has the file open for writing, or mapped so: see F_SETLEASE in fcntl(2).

    The lease is given back at once. Should it be broken meanwhile, a signal comes that is ignored.
    """
    try:
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # a file system without leases: what is stored is hashed anyway
        return False
    return False


def _copy(source: int, path: Path, size: int) -> None:
    """Copy `size` bytes of an open file, which may change meanwhile."""
    with path.open("xb", buffering=0) as target:
        offset = 0
        while offset < size:
            count = os.sendfile(target.fileno(), source, offset, size - offset)
            if count == 0:
                raise Untrue("a product that it cuts off again")
            offset += count
