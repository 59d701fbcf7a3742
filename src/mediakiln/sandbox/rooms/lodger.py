"""A room: a child that does one project's jobs one after the other, and its folders.

The child may read `in`, where files are linked for one job, and write to `work`, which is emptied
after each. Landlock grants both when the child begins, and can grant nothing later.
"""

import asyncio
import os
import select
import socket
import stat
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Sequence,
)
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from blake3 import blake3

from mediakiln.model.errors import Crashed, OperationFailed
from mediakiln.model.ids import new_id
from mediakiln.ports.folders import Folders, cleared, measured, opened, removed
from mediakiln.ports.runner import Made, Report, TaskKilled, Work
from mediakiln.sandbox import meter, products, wire
from mediakiln.sandbox.job import Job, Line
from mediakiln.sandbox.link import Child
from mediakiln.sandbox.rooms.lending import linked

_OUT: Final = "out"
_MOST_PRINTED: Final = 64 * 1024
"""Bytes of output from which on a child goes, since nothing of it is ever removed."""

_MOST_LEFT: Final = 1_000
"""Files a job may leave: a child that leaves more goes, and they after it."""

_RESTING_CPU_S: Final = 0.5
"""Processor seconds a child may use while it waits: it may still be tidying up at first."""
_RESTING_BYTES: Final = 1024 * 1024
_MIB: Final = 1024 * 1024

Spawn = Callable[[Sequence[str], socket.socket], Awaitable[Child]]


@dataclass(frozen=True, slots=True)
class RoomRules:
    """Where rooms are, and how long their children live."""

    folders: Folders
    jobs: int = 50
    """That one child does; then another takes its place."""
    most_idle: int = 8
    """Children that wait for work, of all projects together."""
    idle_s: float = 30.0
    """That a child waits for work."""
    memory_mb: int = 256
    """Resident memory from which on a child is not kept."""
    look_s: float = 1.0
    """Between two looks at what the waiting children do, which should be nothing."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What a child had used when it began to wait."""

    cpu_s: float
    bytes: int


class Lodger:
    """A room: a child, once it has its first job, and its folders."""

    def __init__(self, project: str, rules: RoomRules, spawn: Spawn) -> None:
        self.project = project
        self._rules = rules
        self._spawn = spawn
        self._held = ExitStack()
        self._left = rules.jobs
        self._lent = 0
        self._child: Child | None = None
        self._line: Line | None = None
        self._inbox = self.scratch = Path()
        self.rest: Rest | None = None
        """Since it waits; None while it works."""

    async def move_in(self) -> None:
        """Make the folders; a disk is never waited for."""

        def made() -> Path:
            folder = self._held.enter_context(self._rules.folders(new_id()))
            (folder / "in").mkdir()
            _furnish(folder / "work")
            return folder

        folder = await asyncio.to_thread(made)
        self._inbox, self.scratch = folder / "in", folder / "work"

    @property
    def usable(self) -> bool:
        """Whether its child waits for another job."""
        return self._child is not None and self._left > 0 and _lives(self._child)

    @property
    def out(self) -> Path:
        """Where a job's products go."""
        return self.scratch / _OUT

    async def lend(self, files: Sequence[Path]) -> list[Path]:
        """Make files readable in the room; where they are there."""
        first, self._lent = self._lent, self._lent + len(files)
        names = range(first, self._lent)
        return await asyncio.to_thread(linked, files, [self._inbox / str(n) for n in names])

    async def run(self, work: Work) -> AsyncGenerator[Report, None]:
        """Do a job in the child, which is forked for the first one.

        A child that dies after it waited, and before it began the job, has done nothing of it:
        another takes its place, once.

        Raises:
            EngineMisconfigured, EngineUnavailable, Crashed: no child could be forked.
        """
        work = replace(work, scratch=self.scratch, readable=(self._inbox,), kept=None)
        waited = self._line is not None
        async with aclosing(self._attempt(work)) as reports:
            async for report in reports:
                if waited and isinstance(report, TaskKilled) and isinstance(report.error, Crashed):
                    break
                waited = False
                yield report
        if waited:
            await self._end_child()
            await asyncio.to_thread(_furnish, self.scratch)
            self._line, self._left = None, self._rules.jobs
            async with aclosing(self._attempt(work)) as reports:
                async for report in reports:
                    yield report

    async def _attempt(self, work: Work) -> AsyncGenerator[Report, None]:
        if self._line is None:
            await self._begin([task.operation for task in work.tasks])
        child, line = self._child, self._line
        if child is None or line is None or self._left < 1:
            raise Crashed("the room has no child that takes a job")
        job = Job(work, child, line, jobs=self._left)
        self._left -= 1
        try:
            async with aclosing(job.reports()) as reports:
                async for report in reports:
                    yield report
        finally:
            if job.sound:
                job.rest()
            else:
                self._left = 0
                await job.end()

    async def take(self, made: Made, most: int) -> bytes | None:
        """A product's bytes, if they are no more than `most`; else the child is ended first.

        Raises:
            OperationFailed: the file is not what was reported.
        """
        if made.bytes > most:
            await self._end_child()
        with products.open_file(self.out, made.product.file) as file:
            if made.bytes > most:
                data, found = None, await asyncio.to_thread(measured, file)
            else:
                data = file.read(most + 1)
                found = len(data), f"blake3:{blake3(data).hexdigest()}"
        if found != (made.bytes, made.checksum):
            raise OperationFailed("the product was changed after it had been reported")
        return data

    async def tidy(self) -> None:
        """Remove what the job left, and give the child up where it grew too large or lies."""
        child = self._child
        if child is None or not self.usable:
            return
        usage = meter.usage(child.pid)
        if self._much(usage) or not await asyncio.to_thread(self._emptied):
            self._left = 0
            return
        taken = await asyncio.to_thread(meter.folder_bytes, self.scratch)
        self.rest = Rest(usage.cpu_s, taken + meter.unlinked_bytes(usage.rss))

    async def unrest(self) -> str | None:
        """What its child does though it should wait; None if nothing."""
        child, rest = self._child, self.rest
        if child is None or rest is None:
            return None
        usage = meter.usage(child.pid)
        if much := self._much(usage):
            return much
        if (cpu_s := usage.cpu_s - rest.cpu_s) > _RESTING_CPU_S:
            return f"used the processor for {cpu_s:.1f} s"
        taken = await asyncio.to_thread(meter.folder_bytes, self.scratch)
        taken += meter.unlinked_bytes(usage.rss) - rest.bytes
        return f"wrote {taken:,} bytes" if taken > _RESTING_BYTES else None

    def _much(self, usage: meter.Usage) -> str | None:
        """Why a child that uses so much is not kept."""
        if usage.rss_bytes > self._rules.memory_mb * _MIB:
            return f"has {usage.rss_bytes // _MIB:,} MiB resident"
        others = sum(size > 0 for size in usage.rss.values()) - 1
        return f"keeps {others} other processes" if others > 0 else None

    async def end(self) -> None:
        """End the child, if it lives, and remove the folders."""
        await self._end_child()
        await asyncio.to_thread(self._held.close)

    async def _end_child(self) -> None:
        self._left = 0
        if self._line is not None:
            await self._line.close()
        if self._child is not None:
            self._child.kill()
            await self._child.ended
            self._child.release()

    async def _begin(self, operations: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            with theirs:
                self._child = await self._spawn(operations, theirs)
            self._line = await Line.over(ours)
        except BaseException:
            ours.close()
            raise

    def _emptied(self) -> bool:
        """Whether the folders are as they were at first, but for what the child printed.

        The child can write to `work` even now: each folder is opened from the one above it, and
        no link is followed.
        """
        try:
            for lent in self._inbox.iterdir():
                lent.unlink()
            private, output = Path(wire.OUTPUT_FILE).parts
            with opened(self.scratch) as work, opened(private, work) as inner:
                cleared(work, keep=private, most=_MOST_LEFT)
                os.mkdir(_OUT, dir_fd=work)
                cleared(inner, keep=output, most=_MOST_LEFT)
                printed = os.stat(output, dir_fd=inner, follow_symlinks=False)
        except OSError:
            return False
        return stat.S_ISREG(printed.st_mode) and printed.st_size <= _MOST_PRINTED


def _furnish(work: Path) -> None:
    """Make the folder that a child writes to anew; none works in what another left."""
    removed(work)
    work.mkdir()
    (work / _OUT).mkdir()


def _lives(child: Child) -> bool:
    """Whether it has not ended, though nobody may have said so yet: its descriptor tells first."""
    if child.ended.done() or child.pidfd < 0:
        return False
    poll = select.poll()
    poll.register(child.pidfd, select.POLLIN)
    return not poll.poll(0)
