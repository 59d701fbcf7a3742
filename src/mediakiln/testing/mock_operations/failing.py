"""Operations that fail, hang, die, or take more than they may."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from mediakiln.model.errors import BadMedia
from mediakiln.model.product import Product
from mediakiln.ports.operation import operation
from mediakiln.testing.mock_operations.params import (
    ANY,
    MIB,
    TEXT,
    CopyParams,
    Count,
    Flaky,
    Marker,
    Megabytes,
    Message,
    Nothing,
    Seconds,
    Status,
)
from mediakiln.testing.mock_operations.plain import copy


@operation("mock.hang", None, **ANY)
def hang(source: Path, params: Nothing, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Never end, deaf to the signals that can be ignored."""
    import signal

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(60)


@operation("mock.spin", None, **ANY)
def spin(source: Path, params: Nothing, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Use a processor for ever."""
    while True:
        pass


@operation("mock.segfault", None, **ANY)
def segfault(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Read address 0."""
    ctypes.string_at(0)
    return []


@operation("mock.abort", None, **ANY)
def abort(source: Path, params: Nothing, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Abort, as a failed assertion in C does."""
    os.abort()


@operation("mock.eat_memory", None, **ANY)
def eat_memory(source: Path, params: Megabytes, out: Path) -> Iterable[Product]:
    """Fill memory and hold it, here or in a program."""
    if params.where == "program":
        code = f"held = [b'x' * {MIB} for _ in range({params.mb})]; import time; time.sleep(60)"
        subprocess.run([sys.executable, "-c", code], check=True)
    held = [b"x" * MIB for _ in range(params.mb)]
    time.sleep(1)
    del held
    yield from copy.function(source, CopyParams(), out)


@operation("mock.allocate", None, **ANY)
def allocate(source: Path, params: Megabytes, out: Path) -> Iterable[Product]:
    """Ask for memory in one piece, as a decoder does that believes a header."""
    bytearray(params.mb * MIB)
    yield from copy.function(source, CopyParams(), out)


@operation("mock.fill_scratch", None, **ANY)
def fill_scratch(source: Path, params: Megabytes, out: Path) -> Iterable[Product]:
    """Write files of 1 MiB, which no folder names if told so, then wait a little."""
    with ExitStack() as held:
        for number in range(params.mb):
            path = out / f"{number}.bin"
            held.enter_context(path.open("wb", buffering=0)).write(b"x" * MIB)
            if params.where == "unlinked":
                path.unlink()
        time.sleep(3)
    yield from copy.function(source, CopyParams(), out)


@operation("mock.fork_bomb", None, **ANY)
def fork_bomb(source: Path, params: Count, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Fork up to `count` processes that stay, each in its own session."""
    for _ in range(params.count):
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
            os._exit(0)
    time.sleep(30)
    return []


@operation("mock.spawn", None, **TEXT)
def spawn(source: Path, params: Seconds, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Leave a program behind, in a session of its own, and say its name in the product."""
    marker = f"mediakiln-mock-{os.urandom(8).hex()}"
    subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep({params.seconds})", marker],
        start_new_session=True,
    )
    (out / "marker.txt").write_text(marker)
    yield Product(file="marker.txt", media_type="text/plain")


@operation("mock.spawn_and_hang", None, **ANY)
def spawn_and_hang(source: Path, params: Marker, out: Path) -> NoReturn:
    """Start a program in a session of its own, and never end."""
    code = "import time; time.sleep(300)"
    subprocess.Popen([sys.executable, "-c", code, params.marker], start_new_session=True)
    hang.function(source, Nothing(), out)
    raise AssertionError


@operation("mock.raise", None, **ANY)
def raise_(source: Path, params: Message, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Raise an exception nobody foresaw."""
    raise ZeroDivisionError(params.message)


@operation("mock.bad_media", None, **ANY)
def bad_media(source: Path, params: Message, out: Path) -> NoReturn:  # noqa: ARG001 - as above
    """Find the file damaged."""
    raise BadMedia(params.message, offset=12)


@operation("mock.exit", None, **ANY)
def exit_(source: Path, params: Status, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Leave the process in the middle of the work."""
    os._exit(params.status)


@operation("mock.flaky", None, **ANY)
def flaky(source: Path, params: Flaky, out: Path) -> Iterable[Product]:
    """Crash the first time, work from the second on."""
    if not Path(params.marker).exists():
        Path(params.marker).touch()
        ctypes.string_at(0)
    yield from copy.function(source, CopyParams(), out)
