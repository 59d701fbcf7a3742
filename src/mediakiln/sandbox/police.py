"""Measures a running child and ends it when it takes more than its task may."""

import asyncio
import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mediakiln.model.errors import (
    Crashed,
    MemoryExceeded,
    SandboxKill,
    ScratchExceeded,
    StepTimeout,
    TooManyProcesses,
)
from mediakiln.ports.runner import Task, Work
from mediakiln.sandbox import meter
from mediakiln.sandbox.confine import MAX_PROCESSES
from mediakiln.sandbox.link import Child

_log = logging.getLogger("mediakiln.sandbox")
_INTERVAL_S = 0.1
_SCRATCH_EVERY = 5
_MIB = 1024 * 1024


class Police:
    """Samples a child ten times a second, its scratch folder twice a second.

    `verdict` is what the child was ended for; None while nothing was found.
    """

    def __init__(self, child: Child, work: Work) -> None:
        self._child = child
        self._folders = [work.scratch] if work.kept is None else [work.scratch, work.kept]
        self._before = meter.folder_bytes(*self._folders)
        self._kept = 0
        self._limits = work.tasks[0].limits
        self._since = time.monotonic()
        self._paused: float | None = None
        self._cpu_before = 0.0
        self._watch: asyncio.Task[None] | None = None
        self.verdict: SandboxKill | None = None

    def start(self, task: Task) -> None:
        """Begin to watch a child that has done nothing yet, by this task's limits."""
        self._limits = task.limits
        self._watch = asyncio.create_task(self._patrol())
        self._watch.add_done_callback(self._over)

    def begin(self, task: Task) -> None:
        """From now on it is this task that is measured."""
        self._limits = task.limits
        self._since = time.monotonic()
        self._cpu_before = meter.usage(self._child.pid).cpu_s

    def keep(self, size: int) -> None:
        """Products of finished tasks take so much, and are not the next task's to answer for."""
        self._kept = size

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Until the block's end the task waits for somebody else: its clock stands still."""
        self._paused = time.monotonic()
        try:
            yield
        finally:
            self._since += time.monotonic() - self._paused
            self._paused = None

    def stop(self) -> None:
        """Watch no longer."""
        if self._watch is not None:
            self._watch.cancel()

    def convict(self, error: SandboxKill) -> None:
        """End the child for this reason, unless there was one before."""
        self.verdict = self.verdict or error
        self._child.kill()

    def _over(self, watch: "asyncio.Task[None]") -> None:
        """A child that cannot be measured does not go on."""
        if not watch.cancelled() and (error := watch.exception()):
            _log.error("a job could not be measured", exc_info=error)
            self.convict(Crashed("the step could not be measured"))

    async def _patrol(self) -> None:
        for rounds in itertools.count(1):
            await asyncio.sleep(_INTERVAL_S)
            if self._child.ended.done():
                return
            usage = meter.usage(self._child.pid)
            error = self._time(usage) or self._processes(usage) or self._memory(usage)
            if error is None and rounds % _SCRATCH_EVERY == 0:
                error = await self._space(usage)
            if error is not None and not self._child.ended.done():
                self.convict(error)
                return

    def _time(self, usage: meter.Usage) -> SandboxKill | None:
        now = time.monotonic() if self._paused is None else self._paused
        wall, cpu = now - self._since, usage.cpu_s - self._cpu_before
        for value, limit, what in (
            (wall, self._limits.wall_s, "ran for"),
            (cpu, self._limits.cpu_s, "used the processor for"),
        ):
            if value > limit:
                return StepTimeout(
                    f"the step {what} {value:.2f} s; at most {limit:g} s are allowed",
                    limit=limit,
                    value=round(value, 2),
                    unit="s",
                )
        return None

    def _processes(self, usage: meter.Usage) -> SandboxKill | None:
        if usage.tasks <= MAX_PROCESSES:
            return None
        return TooManyProcesses(
            f"the step started {usage.tasks} processes and threads; "
            f"at most {MAX_PROCESSES} are allowed",
            limit=MAX_PROCESSES,
            value=usage.tasks,
        )

    def _memory(self, usage: meter.Usage) -> SandboxKill | None:
        limit = self._limits.memory_mb
        if usage.rss_bytes <= limit * _MIB:
            return None
        value = meter.proportional_bytes(usage) // _MIB
        return (
            MemoryExceeded(_more("memory", value, limit), limit=limit, value=value, unit="MiB")
            if value > limit
            else None
        )

    async def _space(self, usage: meter.Usage) -> SandboxKill | None:
        taken = await asyncio.to_thread(meter.folder_bytes, *self._folders)
        taken += meter.unlinked_bytes(usage.rss)
        value = (taken - self._before - self._kept) // _MIB
        limit = self._limits.scratch_mb
        return (
            ScratchExceeded(
                _more("scratch space", value, limit), limit=limit, value=value, unit="MiB"
            )
            if value > limit
            else None
        )


def _more(what: str, value: int, limit: int) -> str:
    return f"the step took {value:,} MiB of {what}; at most {limit:,} MiB are allowed"
