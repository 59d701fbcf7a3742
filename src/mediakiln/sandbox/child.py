"""A job's child: confines itself, runs the tasks in order, and reports each as it goes."""

import dataclasses
import errno
import faulthandler
import json
import logging
import os
import signal
import socket
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mediakiln.model.errors import (
    InvalidRecipe,
    MediakilnError,
    MemoryExceeded,
    OperationFailed,
    ScratchExceeded,
    StorageFull,
    UnsupportedMedia,
)
from mediakiln.model.product import Product
from mediakiln.ports.operation import Context, Operation
from mediakiln.ports.runner import Task, Work
from mediakiln.sandbox import confine, products, wire
from mediakiln.sandbox.kernel import libc
from mediakiln.sandbox.warm import Warmth

_log = logging.getLogger("mediakiln.sandbox")


def read_frame(connection: socket.socket) -> Any:
    """The next message of the runner, which is trusted.

    Raises:
        EOFError: the runner is gone.
    """
    (length,) = wire.HEADER.unpack(_exactly(connection, wire.HEADER.size))
    return json.loads(_exactly(connection, length))


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = connection.recv(count, socket.MSG_WAITALL)
    if len(data) < count:
        raise EOFError("the runner closed the job")
    return data


def live(connection: socket.socket, warmth: Warmth, system: Sequence[tuple[Path, int]]) -> None:
    """The whole life of a child, from the job's frame to its last report."""
    work = wire.decode_work(read_frame(connection))
    _settle(work.scratch)
    confine.limit_resources([task.limits for task in work.tasks])
    confine.confine(confine.rules_for(system, work.scratch, work.readable), work.scratch)
    _Job(connection, warmth).run(work)


def die_with_parent(liveness: int) -> None:
    """Be killed when the zygote ends; `liveness` ends with it too, so none slips in between.

    Raises:
        EOFError: it has ended already.
    """
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)  # orphans stay in its tree, where they are measured
    os.set_blocking(liveness, False)
    try:
        os.read(liveness, 1)
    except BlockingIOError:
        return
    raise EOFError("the zygote ended")


def _settle(scratch: Path) -> None:
    """Move into the scratch folder: working directory, temporary files, output, home."""
    private = scratch / wire.PRIVATE_FOLDER
    private.mkdir(exist_ok=True)
    output = os.open(scratch / wire.OUTPUT_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(nothing)
    os.close(output)
    os.chdir(scratch)
    os.environ.update(TMPDIR=str(private), HOME=str(private), XDG_CACHE_HOME=str(private))
    tempfile.tempdir = str(private)
    faulthandler.enable(file=2)


class _Job:
    """The tasks of one job, and what became of those before."""

    def __init__(self, connection: socket.socket, warmth: Warmth) -> None:
        self._connection = connection
        self._warmth = warmth
        self._made: dict[str, list[Product]] = {}

    def run(self, work: Work) -> None:
        """Run every task whose parent did not fail."""
        outs = {task.name: task.out for task in work.tasks}
        for number, task in enumerate(work.tasks):
            if task.parent is None or task.parent in self._made:
                self._report(type="started", name=task.name)
                again = any(_alike(task, later) for later in work.tasks[number + 1 :])
                self._run_one(task, outs, again=again)

    def _run_one(self, task: Task, outs: Mapping[str, Path], *, again: bool) -> None:
        started = time.monotonic()
        try:
            item = self._warmth.operation(task.operation)
            source, context = self._source(task, outs, item)
            if again:
                context = dataclasses.replace(context, again=True)
            made = item.run(source, task.params, task.out, context)
            done = {
                "type": "done",
                "name": task.name,
                "seconds": time.monotonic() - started,
                "made": _measure(task.out, made),
                "tools": self._warmth.tools(item),
            }
            data = wire.frame(done)
        except BaseException as error:  # noqa: BLE001 - whatever an operation raises is reported
            failure = wire.encode_error(_translate(error))
            seconds = time.monotonic() - started
            self._report(type="failed", name=task.name, seconds=seconds, error=failure)
        else:
            self._made[task.name] = made
            self._connection.sendall(data)

    def _source(
        self, task: Task, outs: Mapping[str, Path], item: Operation
    ) -> tuple[Path, Context]:
        """The file to work on; a parent's product brings its own type and name."""
        if task.source is not None:
            return task.source, task.context
        parent = task.parent or ""
        product = _choose(self._made[parent], parent, task.parent_file)
        if not item.takes(product.media_type):
            raise UnsupportedMedia(
                f"{item.name} does not take {product.media_type}, "
                f"which is what step {parent!r} made",
                allowed=list(item.accepts),
            )
        context = dataclasses.replace(
            task.context, media_type=product.media_type, name=product.file.rpartition("/")[2]
        )
        return outs[parent] / product.file, context

    def _report(self, **message: Any) -> None:
        self._connection.sendall(wire.frame(message))


def _alike(task: Task, later: Task) -> bool:
    """Whether two tasks run one operation on one file."""
    return (task.operation, task.source, task.parent, task.parent_file) == (
        later.operation,
        later.source,
        later.parent,
        later.parent_file,
    )


def _choose(made: Sequence[Product], parent: str, file: str | None) -> Product:
    for product in made:
        if file is None or product.file == file:
            return product
    raise InvalidRecipe(
        f"step {parent!r} made no {'file' if file is None else repr(file)}",
        field="from",
        allowed=[f"{parent}/{product.file}" for product in made[:20]],
    )


def _measure(out: Path, made: Sequence[Product]) -> list[dict[str, Any]]:
    if len(made) > products.MAX_PRODUCTS:
        raise OperationFailed(
            f"the operation made {len(made):,} files; at most {products.MAX_PRODUCTS:,} are kept",
            limit=products.MAX_PRODUCTS,
            value=len(made),
        )
    if len({product.file for product in made}) < len(made):
        raise OperationFailed("the operation named one file twice")
    measured = []
    for product in made:
        size, checksum = products.measure(out, product.file)
        measured.append(product.model_dump() | {"bytes": size, "checksum": checksum})
    return measured


def _translate(error: BaseException) -> MediakilnError:
    """What a record says of an exception; the traceback goes to the job's output only."""
    if isinstance(error, MediakilnError):
        return error
    with suppress(OSError, ValueError):  # the operation may have filled or closed it
        traceback.print_exception(error)
    if isinstance(error, MemoryError):
        return MemoryExceeded("the step asked for more memory than it may have")
    code = error.errno if isinstance(error, OSError) else None
    if code in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull("no space was left for the step's files")
    if code == errno.EFBIG:
        return ScratchExceeded("the step wrote a file larger than its scratch limit")
    kind = type(error).__name__
    detail = str(error)[:500]
    return OperationFailed(f"{kind}: {detail}" if detail else kind, exception=kind)
