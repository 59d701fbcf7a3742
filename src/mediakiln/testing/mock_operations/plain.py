"""Operations that do as they are told, and what they need on the way."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from mediakiln.model.product import Product
from mediakiln.ports.operation import Context, OperationCapabilities, operation
from mediakiln.testing.mock_operations.params import (
    ANY,
    MIB,
    TEXT,
    CopyParams,
    Megabytes,
    Nothing,
    Question,
    Seconds,
)


@operation("mock.copy", None, **ANY, capabilities=OperationCapabilities(tools=("pydantic",)))
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


@operation("mock.needs_vips", None, **ANY, capabilities=OperationCapabilities(preload=("pyvips",)))
def needs_vips(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Copy the source, with a large library at hand."""
    yield from copy.function(source, CopyParams(), out)


@operation(
    "mock.needs_thread",
    None,
    **ANY,
    capabilities=OperationCapabilities(preload=("mediakiln.testing.mock_threads",)),
)
def needs_thread(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Copy the source with a library that starts a thread when it is imported."""
    from mediakiln.testing import mock_threads

    mock_threads.wait()
    yield from copy.function(source, CopyParams(), out)


@operation("mock.sleep", None, **ANY)
def sleep(source: Path, params: Seconds, out: Path) -> Iterable[Product]:
    """Sleep, then copy the source."""
    time.sleep(params.seconds)
    yield from copy.function(source, CopyParams(), out)


@operation("mock.fill_and_keep", None, **ANY)
def fill_and_keep(source: Path, params: Megabytes, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Make a product of that size, and take long enough over it to be noticed."""
    (out / "big").write_bytes(bytes(params.mb * MIB))
    time.sleep(0.8)
    yield Product(file="big", media_type="application/octet-stream")


@operation("mock.environment", None, **TEXT)
def environment(source: Path, params: Nothing, out: Path) -> Iterable[Product]:  # noqa: ARG001
    """Write down the environment variables."""
    (out / "environment.txt").write_text("\n".join(f"{k}={v}" for k, v in os.environ.items()))
    yield Product(file="environment.txt", media_type="text/plain")


@operation("mock.ask", None, **TEXT)
def ask(source: Path, params: Question, out: Path, *, context: Context) -> Iterable[Product]:
    """Ask a model about a file, and write its last answer down."""
    path = Path(params.file) if params.file else out.parent / "question"
    if not params.file:
        path.write_bytes(source.read_bytes())
    told = [context.ask(params.model, path) for _ in range(params.times)]
    (out / "told.json").write_text(json.dumps(told[-1]))
    yield Product(file="told.json", media_type="text/plain")
