"""One running job, seen from the worker: believes its reports only as far as they check out."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mediakiln.model.errors import (
    Crashed,
    OperationFailed,
    SandboxKill,
    ScratchExceeded,
    StepTimeout,
)
from mediakiln.ports.runner import (
    Made,
    Report,
    Task,
    TaskDone,
    TaskFailed,
    TaskKilled,
    TaskStarted,
    Work,
)
from mediakiln.sandbox import products, reported, wire
from mediakiln.sandbox.asking import Questions
from mediakiln.sandbox.link import Child
from mediakiln.sandbox.police import Police
from mediakiln.sandbox.reported import LIES, Kept, Untrue

_log = logging.getLogger("mediakiln.sandbox")
_EXIT_S = 2.0
_TAIL_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """The worker's end of a child's socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def over(cls, connection: socket.socket) -> "Line":
        """The line over a connected socket, which it closes."""
        return cls(*await asyncio.open_connection(sock=connection))

    async def close(self) -> None:
        """Close the socket: a child that waits for more work ends."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class Job:
    """A child at work. `reports` ends when the child has; `end` ends the child.

    Of a child with more `jobs` before it than this one, `reports` ends with the last task's
    report, and the child waits for the next.
    """

    def __init__(self, work: Work, child: Child, line: Line, *, jobs: int = 1) -> None:
        self._work = work
        self._child = child
        self._line = line
        self._jobs = jobs
        self._waiting = deque(work.tasks)
        self._failed: set[str] = set()
        self._task: Task | None = None
        self._born = self._started = time.monotonic()
        self._police = Police(child, work)
        self._questions = Questions(work, child, self._police)
        self._kept = Kept(work.kept)

    async def reports(self) -> AsyncGenerator[Report, None]:
        """Send the job, then yield what becomes of each task."""
        self._line.writer.write(wire.encode_work(self._work, self._jobs))
        self._police.start(self._work.tasks[0])
        while (body := await self._next_frame(self._line.reader)) is not None:
            try:
                message = reported.message(body)
                if self._task is not None and message["type"] == "ask":
                    answer = await self._questions.answer(self._task, message)
                    self._line.writer.write(answer)
                    continue
                report = await self._understand(message)
            except LIES as error:
                reason = wire.printable(f"the child sent what cannot be true: {error}")
                self._police.convict(Crashed(reason[:500]))
                break
            yield report
        if not self.sound and (killed := await self._last_report()):
            yield killed

    @property
    def sound(self) -> bool:
        """Whether the child may be given another job: it has done all of this one, and well."""
        done = self._task is None and not self._waiting and not self._failed
        return self._jobs > 1 and done and self._police.verdict is None

    def rest(self) -> None:
        """Leave the child to wait for its next job."""
        self._police.stop()

    async def end(self) -> None:
        """End the child, if it still lives, and wait until it is gone."""
        self._police.stop()
        self._child.kill()
        await self._child.ended
        self._child.release()

    async def _next_frame(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next report's bytes; None when no more is expected, or will come."""
        if self._task is None and self._next_waiting() is None:
            return None
        try:
            (length,) = wire.HEADER.unpack(await reader.readexactly(wire.HEADER.size))
            if length > wire.MAX_FRAME_BYTES:
                self._police.convict(Crashed(f"the child sent a report of {length} bytes"))
                return None
            body = await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return body if self._police.verdict is None else None

    def _next_waiting(self) -> Task | None:
        """The task that must come next: those whose parent failed are passed over."""
        while self._waiting and self._waiting[0].parent in self._failed:
            self._failed.add(self._waiting.popleft().name)
        return self._waiting[0] if self._waiting else None

    async def _understand(self, message: Mapping[str, Any]) -> Report:
        kind, name = message["type"], message["name"]
        if kind == "started":
            return self._begin(name)
        task = self._task
        if task is None or task.name != name or kind not in {"done", "failed"}:
            raise Untrue(f"{kind!r:.50} of {name!r:.80}")
        seconds = reported.seconds(message["seconds"], time.monotonic() - self._born)
        report = await self._done(task, message, seconds) if kind == "done" else None
        if report is None:
            outage = self._questions.outage
            error = outage or reported.error(message["error"], task)
            report = TaskFailed(task.name, seconds, error, passing=outage is not None)
            if isinstance(error, OperationFailed):
                _log.info("%s (%s) failed: %s\n%s", task.name, task.operation, error, self._tail())
        self._finish(task, report)
        return report

    def _begin(self, name: str) -> TaskStarted:
        task = self._next_waiting()
        if self._task is not None or task is None or task.name != name:
            raise Untrue(f"'started' of {name!r:.80}")
        self._task = self._waiting.popleft()
        self._questions.begin()
        self._started = time.monotonic()
        self._police.begin(task)
        return TaskStarted(name)

    async def _done(self, task: Task, message: Mapping[str, Any], seconds: float) -> Report:
        tools = reported.tools(message["tools"])
        take, entries = self._kept.take, message["made"]
        try:
            made = (
                take(task, entries)
                if self._work.kept is None
                else await _ended(take, task, entries)
            )
        except ScratchExceeded as error:
            self._police.convict(error)
            raise
        return TaskDone(task.name, seconds, made, tools | self._questions.tools)

    def _finish(self, task: Task, report: Report) -> None:
        self._task = None
        if isinstance(report, TaskDone):
            self._police.keep(self._kept.bytes)
        else:
            self._failed.add(task.name)
        if following := self._next_waiting():
            self._started = time.monotonic()
            self._police.begin(following)

    async def _last_report(self) -> TaskKilled | None:
        """Why there is nothing more: None if every task was reported."""
        task = self._task or self._next_waiting()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._child.ended), _EXIT_S)
        if not self._child.ended.done():
            self._child.kill()
            await self._child.ended
        if task is None:
            return None
        error = self._police.verdict or self._autopsy(task)
        _log.warning("%s (%s) was ended: %s\n%s", task.name, task.operation, error, self._tail())
        return TaskKilled(task.name, time.monotonic() - self._started, error)

    def _autopsy(self, task: Task) -> SandboxKill:
        """What the child died of, from its wait status."""
        ended = self._child.ended.result()
        if ended.status is None:
            return Crashed("the step's process died with the sandbox's own", sandbox="lost")
        if not os.WIFSIGNALED(ended.status):
            code = os.waitstatus_to_exitcode(ended.status)
            return Crashed(f"the step's process exited with status {code}", status=code)
        number = os.WTERMSIG(ended.status)
        allowed = sum(each.limits.cpu_s for each in self._work.tasks)
        if number in {signal.SIGKILL, signal.SIGXCPU} and ended.cpu_s >= allowed:
            return StepTimeout(
                f"the step used {ended.cpu_s:.1f} s of processor time; "
                f"at most {task.limits.cpu_s:g} s are allowed",
                limit=task.limits.cpu_s,
                value=round(ended.cpu_s, 1),
                unit="s",
            )
        name = signal.Signals(number).name
        return Crashed(f"the step's process died of {name}", signal=name)

    def _tail(self) -> str:
        """The end of what the job printed, for the log."""
        try:
            with products.open_file(self._work.scratch, wire.OUTPUT_FILE) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
                return wire.printable(file.read(_TAIL_BYTES).decode(errors="replace"))
        except (OSError, OperationFailed):
            return ""


async def _ended(
    call: Callable[[Task, Sequence[Mapping[str, Any]]], list[Made]],
    task: Task,
    entries: Sequence[Mapping[str, Any]],
) -> list[Made]:
    """The call's result, from a thread that is never left to itself."""
    working = asyncio.ensure_future(asyncio.to_thread(call, task, entries))
    try:
        return await asyncio.shield(working)
    finally:
        await asyncio.wait([working])
