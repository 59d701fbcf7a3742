"""Operations that misbehave on command, to try a runner with.

`ForkRunner(operations="mediakiln.testing.mock_operations:OPERATIONS")` has them beside the
installed ones.
"""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

from pydantic import Field

from mediakiln.model.errors import BadMedia
from mediakiln.model.product import Product
from mediakiln.ports.operation import (
    Context,
    Operation,
    OperationCapabilities,
    Params,
    operation,
)

_MIB = 1024 * 1024
_ANY: dict[str, Any] = {"accepts": ["*"], "produces": ["application/octet-stream"]}
_TEXT: dict[str, Any] = {"accepts": ["*"], "produces": ["text/plain"]}


class Nothing(Params):
    """No parameters."""


class CopyParams(Params):
    """Of mock.copy."""

    file: str = Field(default="copy", description="The product's name.")
    times: int = Field(default=1, ge=0, description="How many products; later ones get a number.")
    media_type: str = Field(default="application/octet-stream", description="The products' type.")
    metadata_bytes: int = Field(default=0, ge=0, description="Size of a note in the metadata.")
    print_bytes: int = Field(default=0, ge=0, description="How much to print to standard error.")


class Seconds(Params):
    """A duration."""

    seconds: float = Field(default=1.0, ge=0, description="In seconds.")


class Megabytes(Params):
    """An amount."""

    mb: int = Field(default=1024, ge=0, description="In MiB.")
    where: str = Field(default="here", description="here, program, or unlinked.")


class Count(Params):
    """A number of things."""

    count: int = Field(default=500, ge=1, le=2000, description="How many.")


class PathParams(Params):
    """A path."""

    path: str = Field(description="An absolute path, or one relative to the product folder.")


class Port(Params):
    """An address to reach."""

    port: int = Field(default=0, ge=0, le=65535, description="TCP port on 127.0.0.1.")
    socket: str = Field(default="", description="Path of a unix socket, instead of the port.")


class Message(Params):
    """Words for an error."""

    message: str = Field(default="as told", description="The error's message.")


class Status(Params):
    """An exit status."""

    status: int = Field(default=3, ge=0, le=255, description="What the process exits with.")


class Marker(Params):
    """A word to be found by."""

    marker: str = Field(description="Stands in the command line of the program it starts.")


class Question(Params):
    """Of mock.ask."""

    model: str = Field(default="m", description="Who is asked.")
    file: str = Field(default="", description="What about; by default a copy of the source.")
    times: int = Field(default=1, ge=1, le=100, description="How often.")


class Flaky(Params):
    """Of mock.flaky."""

    marker: str = Field(description="A file that exists from the second attempt on.")


@operation("mock.copy", None, **_ANY, capabilities=OperationCapabilities(tools=("pydantic",)))
def copy(source: Path, params: CopyParams, out: Path) -> Iterable[Product]:
    """Copy the source."""
    sys.stderr.write("x" * params.print_bytes)
    metadata = {"note": "n" * params.metadata_bytes} if params.metadata_bytes else {}
    for number in range(params.times):
        file = params.file if number == 0 else f"{params.file}-{number}"
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, out / file)
        yield Product(file=file, media_type=params.media_type, metadata=metadata)


@operation("mock.only_text", None, accepts=["text/*"], produces=["application/octet-stream"])
def only_text(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Copy the source, which must be text."""
    yield from copy.function(source, CopyParams(), out)


@operation("mock.needs_vips", None, **_ANY, capabilities=OperationCapabilities(preload=("pyvips",)))
def needs_vips(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Copy the source, with a large library at hand."""
    yield from copy.function(source, CopyParams(), out)


@operation(
    "mock.needs_thread",
    None,
    **_ANY,
    capabilities=OperationCapabilities(preload=("mediakiln.testing.mock_threads",)),
)
def needs_thread(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Copy the source with a library that starts a thread when it is imported."""
    from mediakiln.testing import mock_threads

    mock_threads.wait()
    yield from copy.function(source, CopyParams(), out)


@operation("mock.sleep", None, **_ANY)
def sleep(source: Path, params: Seconds, out: Path) -> Iterable[Product]:
    """Sleep, then copy the source."""
    time.sleep(params.seconds)
    yield from copy.function(source, CopyParams(), out)


@operation("mock.hang", None, **_ANY)
def hang(source: Path, params: Nothing, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Never end, deaf to the signals that can be ignored."""
    import signal

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(60)


@operation("mock.spin", None, **_ANY)
def spin(source: Path, params: Nothing, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Use a processor for ever."""
    while True:
        pass


@operation("mock.segfault", None, **_ANY)
def segfault(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Read address 0."""
    ctypes.string_at(0)
    return []


@operation("mock.abort", None, **_ANY)
def abort(source: Path, params: Nothing, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Abort, as a failed assertion in C does."""
    os.abort()


@operation("mock.eat_memory", None, **_ANY)
def eat_memory(source: Path, params: Megabytes, out: Path) -> Iterable[Product]:
    """Fill memory and hold it, here or in a program."""
    if params.where == "program":
        code = f"held = [b'x' * {_MIB} for _ in range({params.mb})]; import time; time.sleep(60)"
        subprocess.run([sys.executable, "-c", code], check=True)
    held = [b"x" * _MIB for _ in range(params.mb)]
    time.sleep(1)
    del held
    yield from copy.function(source, CopyParams(), out)


@operation("mock.allocate", None, **_ANY)
def allocate(source: Path, params: Megabytes, out: Path) -> Iterable[Product]:
    """Ask for memory in one piece, as a decoder does that believes a header."""
    bytearray(params.mb * _MIB)
    yield from copy.function(source, CopyParams(), out)


@operation("mock.fill_scratch", None, **_ANY)
def fill_scratch(source: Path, params: Megabytes, out: Path) -> Iterable[Product]:
    """Write files of 1 MiB, which no folder names if told so, then wait a little."""
    with ExitStack() as held:
        for number in range(params.mb):
            path = out / f"{number}.bin"
            held.enter_context(path.open("wb", buffering=0)).write(b"x" * _MIB)
            if params.where == "unlinked":
                path.unlink()
        time.sleep(3)
    yield from copy.function(source, CopyParams(), out)


@operation("mock.fill_and_keep", None, **_ANY)
def fill_and_keep(source: Path, params: Megabytes, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Make a product of that size, and take long enough over it to be noticed."""
    (out / "big").write_bytes(bytes(params.mb * _MIB))
    time.sleep(0.8)
    yield Product(file="big", media_type="application/octet-stream")


@operation("mock.fork_bomb", None, **_ANY)
def fork_bomb(source: Path, params: Count, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Fork up to `count` processes that stay, each in its own session."""
    for _ in range(params.count):
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
            os._exit(0)
    time.sleep(30)
    return []


@operation("mock.spawn", None, **_TEXT)
def spawn(source: Path, params: Seconds, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Leave a program behind, in a session of its own, and say its name in the product."""
    marker = f"mediakiln-mock-{os.urandom(8).hex()}"
    subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep({params.seconds})", marker],
        start_new_session=True,
    )
    (out / "marker.txt").write_text(marker)
    yield Product(file="marker.txt", media_type="text/plain")


@operation("mock.spawn_and_hang", None, **_ANY)
def spawn_and_hang(source: Path, params: Marker, out: Path) -> NoReturn:
    """Start a program in a session of its own, and never end."""
    code = "import time; time.sleep(300)"
    subprocess.Popen([sys.executable, "-c", code, params.marker], start_new_session=True)
    hang.function(source, Nothing(), out)
    raise AssertionError


@operation("mock.environment", None, **_TEXT)
def environment(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Write down the environment variables."""
    (out / "environment.txt").write_text("\n".join(f"{k}={v}" for k, v in os.environ.items()))
    yield Product(file="environment.txt", media_type="text/plain")


@operation("mock.read_file", None, **_ANY)
def read_file(source: Path, params: PathParams, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Read any file, and make it a product."""
    (out / "stolen").write_bytes(Path(params.path).read_bytes())
    yield Product(file="stolen", media_type="application/octet-stream")


@operation("mock.write_outside", None, **_ANY)
def write_outside(source: Path, params: PathParams, out: Path) -> Iterable[Product]:
    """Write any file."""
    Path(params.path).write_bytes(b"written by a job")
    yield from copy.function(source, CopyParams(), out)


@operation("mock.connect", None, **_ANY)
def connect(source: Path, params: Port, out: Path) -> Iterable[Product]:
    """Connect to a port of this machine, or to a unix socket."""
    family = socket.AF_UNIX if params.socket else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        connection.connect(params.socket or ("127.0.0.1", params.port))
    yield from copy.function(source, CopyParams(), out)


@operation("mock.raise", None, **_ANY)
def raise_(source: Path, params: Message, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Raise an exception nobody foresaw."""
    raise ZeroDivisionError(params.message)


@operation("mock.bad_media", None, **_ANY)
def bad_media(source: Path, params: Message, out: Path) -> NoReturn:  # noqa: ARG001 - as above
    """Find the file damaged."""
    raise BadMedia(params.message, offset=12)


@operation("mock.exit", None, **_ANY)
def exit_(source: Path, params: Status, out: Path) -> NoReturn:  # noqa: ARG001 - the given shape
    """Leave the process in the middle of the work."""
    os._exit(params.status)


@operation("mock.name_product", None, **_ANY)
def name_product(source: Path, params: PathParams, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Claim a product of any name, without making it."""
    yield Product(file=params.path, media_type="application/octet-stream")


@operation("mock.symlink_product", None, **_ANY)
def symlink_product(source: Path, params: PathParams, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Make a product that is a link to any path."""
    (out / "link").symlink_to(params.path)
    yield Product(file="link", media_type="application/octet-stream")


@operation("mock.flaky", None, **_ANY)
def flaky(source: Path, params: Flaky, out: Path) -> Iterable[Product]:
    """Crash the first time, work from the second on."""
    if not Path(params.marker).exists():
        Path(params.marker).touch()
        ctypes.string_at(0)
    yield from copy.function(source, CopyParams(), out)


@operation("mock.ask", None, **_TEXT)
def ask(source: Path, params: Question, out: Path, *, context: Context) -> Iterable[Product]:
    """Ask a model about a file, and write its last answer down."""
    path = Path(params.file) if params.file else out.parent / "question"
    if not params.file:
        path.write_bytes(source.read_bytes())
    told = [context.ask(params.model, path) for _ in range(params.times)]
    (out / "told.json").write_text(json.dumps(told[-1]))
    yield Product(file="told.json", media_type="text/plain")


@operation("mock.lie", None, **_ANY)
def lie(source: Path, params: Message, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Take over the child: write `message` to every socket it has, as hostile code would."""
    for number in range(3, 256):
        try:
            sock = socket.socket(fileno=os.dup(number))
            sock.sendall(params.message.encode("latin-1"))
        except OSError:
            continue
    time.sleep(5)
    return []


OPERATIONS: tuple[Operation, ...] = (
    abort, allocate, ask, bad_media, connect, copy, eat_memory, environment, exit_, fill_and_keep,
    fill_scratch, flaky, fork_bomb, hang, lie, name_product, needs_thread, needs_vips,
    only_text, raise_, read_file, segfault, sleep, spawn, spawn_and_hang, spin,
    symlink_product, write_outside,
)  # fmt: skip
