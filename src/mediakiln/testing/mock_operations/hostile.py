"""Operations that do what a file could that has taken a child over."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from mediakiln.model.product import Product
from mediakiln.ports.operation import operation
from mediakiln.testing.mock_operations.params import (
    ANY,
    CopyParams,
    Lurking,
    Message,
    Nothing,
    PathParams,
    Port,
    Tampering,
)
from mediakiln.testing.mock_operations.plain import copy


@operation("mock.read_file", None, **ANY)
def read_file(source: Path, params: PathParams, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Read any file, and make it a product."""
    (out / "stolen").write_bytes(Path(params.path).read_bytes())
    yield Product(file="stolen", media_type="application/octet-stream")


@operation("mock.write_outside", None, **ANY)
def write_outside(source: Path, params: PathParams, out: Path) -> Iterable[Product]:
    """Write any file."""
    Path(params.path).write_bytes(b"written by a job")
    yield from copy.function(source, CopyParams(), out)


@operation("mock.connect", None, **ANY)
def connect(source: Path, params: Port, out: Path) -> Iterable[Product]:
    """Connect to a port of this machine, or to a unix socket."""
    family = socket.AF_UNIX if params.socket else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        connection.connect(params.socket or ("127.0.0.1", params.port))
    yield from copy.function(source, CopyParams(), out)


@operation("mock.name_product", None, **ANY)
def name_product(source: Path, params: PathParams, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Claim a product of any name, without making it."""
    yield Product(file=params.path, media_type="application/octet-stream")


@operation("mock.symlink_product", None, **ANY)
def symlink_product(source: Path, params: PathParams, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Make a product that is a link to any path."""
    (out / "link").symlink_to(params.path)
    yield Product(file="link", media_type="application/octet-stream")


@operation("mock.lie", None, **ANY)
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


_held: list[BinaryIO] = []
_hoard: list[bytes] = []


@operation("mock.hold", None, **ANY)
def hold(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Copy the source, and keep the copy open for writing: `mock.tamper` uses it."""
    yield from copy.function(source, CopyParams(), out)
    _held.append((out / "copy").open("r+b", buffering=0))


@operation("mock.tamper", None, **ANY)
def tamper(source: Path, params: Tampering, out: Path) -> Iterable[Product]:
    """Change what another step reported, once there is a file `go` beside the product folders."""
    while not (out.parent / "go").exists():
        time.sleep(0.01)
    target = out / params.target
    if _held:
        _held.pop().write(params.bytes.encode())
    elif params.bytes:
        target.chmod(0o600)
        target.write_text(params.bytes)
    else:
        target.rename(out.parent / "gone")
        target.symlink_to(params.link)
    (out.parent / "went").touch()
    yield from copy.function(source, CopyParams(), out)


@operation("mock.lurk", None, **ANY)
def lurk(source: Path, params: Lurking, out: Path) -> Iterable[Product]:
    """Copy the source; once the product is gone, go on in secret."""

    def wait() -> None:
        while (out / "copy").exists():
            time.sleep(0.01)
        if params.by == "memory":
            _hoard.append(b"x" * (400 * 1024 * 1024))
        elif params.by == "disk":
            (out.parent / "hoard").write_bytes(bytes(8 * 1024 * 1024))
        elif params.by == "program":
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        while params.by == "computing":
            pass

    yield from copy.function(source, CopyParams(), out)
    threading.Thread(target=wait, daemon=True).start()
