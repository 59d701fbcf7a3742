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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mediakiln.model.errors import (
    InvalidRecipe,
    LimitExceeded,
    MediakilnError,
    MemoryExceeded,
    ModelUnavailable,
    OperationFailed,
    ScratchExceeded,
    StorageFull,
    UnsupportedMedia,
)
from mediakiln.model.product import Product
from mediakiln.ports.folders import FULL, opened
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
    """The whole life of a child, from the first job's frame to the last one's last report."""
    message = read_frame(connection)
    work = wire.decode_work(message)
    _settle(work.scratch)
    confine.limit_resources([task.limits for task in work.tasks], jobs=message["jobs"])
    confine.confine(confine.rules_for(system, work.scratch, work.readable), work.scratch)
    _Job(connection, warmth).run(work)
    for _ in range(1, message["jobs"]):
        _Job(connection, warmth).run(wire.decode_work(read_frame(connection)))


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
    """Move into the scratch folder: working directory, temporary files, output, home.

    This child is not confined yet, and another may have been here: no link is followed.
    """
    private = scratch / wire.PRIVATE_FOLDER
    private.mkdir(exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with opened(private) as folder:
        output = os.open(Path(wire.OUTPUT_FILE).name, flags, 0o600, dir_fd=folder)
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
        self._scratch = Path()

    def run(self, work: Work) -> None:
        """Run every task whose parent did not fail."""
        self._scratch = work.scratch
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
            if any("wanted" in model for model in context.models.values()):
                asker = _Asker(task, self._scratch, self._exchange)
                context = dataclasses.replace(context, ask=asker)
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

    def _exchange(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        self._connection.sendall(wire.frame(message))
        answer: Mapping[str, Any] = read_frame(self._connection)
        return answer

    def _report(self, **message: Any) -> None:
        self._connection.sendall(wire.frame(message))


_Exchange = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Sends a message, and waits for the one that comes back."""


class _Asker:
    """`Context.ask` of one task: the runner answers, by way of the job's own connection."""

    def __init__(self, task: Task, scratch: Path, exchange: _Exchange) -> None:
        self._task = task
        self._scratch = scratch
        self._exchange = exchange
        self._asked = 0

    def __call__(self, model: str, file: Path) -> Mapping[str, Any]:
        """What the model says of a file in the scratch folder.

        Raises:
            ModelUnavailable: it is not one that can be asked.
            LimitExceeded: the file is larger than it takes.
            OperationFailed: too many questions, or no file of the scratch folder.
            MediakilnError: what the question met.
        """
        wanted = self._task.context.models.get(model, {}).get("wanted")
        if wanted is None:
            raise ModelUnavailable(f"the model {model!r} is not one that can be asked")
        most = self._task.limits.asks
        if self._asked >= most:
            raise OperationFailed(f"a step may ask {most} questions", limit=most)
        self._asked += 1
        name = os.path.relpath(file, self._scratch)
        with products.open_file(self._scratch, name) as opened:
            size, limit = os.fstat(opened.fileno()).st_size, wanted["max_bytes"]
        if size > limit:
            raise LimitExceeded(
                f"the model {model!r} takes {limit:,} bytes; the file has {size:,}",
                limit=limit,
                value=size,
            )
        answer = self._exchange(
            {"type": "ask", "name": self._task.name, "model": model, "file": name}
        )
        if "error" in answer:
            raise wire.decode_error(answer["error"])
        told: Mapping[str, Any] = answer["told"]
        return told


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
        products.check(product)
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
    if code in FULL:
        return StorageFull("no space was left for the step's files")
    if code == errno.EFBIG:
        return ScratchExceeded("the step wrote a file larger than its scratch limit")
    kind = type(error).__name__
    detail = str(error)[:500]
    return OperationFailed(f"{kind}: {detail}" if detail else kind, exception=kind)
