"""`ForkRunner`: jobs in forked, confined children of a warm zygote."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.ports.runner import Report, RunnerCapabilities, Work
from mediakiln.sandbox.job import Job, Line
from mediakiln.sandbox.link import Child, Link, ZygoteConfig, ZygoteLost
from mediakiln.sandbox.rooms import Lodger, RoomRules, Rooms

_log = logging.getLogger("mediakiln.sandbox")


class ForkRunner:
    """Runs each job in a child of its own, without network, confined to its scratch folder.

    The zygote and all jobs end with the process that started them, however that ends, and with
    the thread: start it from one that lasts.

    Args:
        operations: `module:ATTRIBUTE` references to operations beside the installed ones.
        preload: modules that the zygote imports at its start rather than on first need.
        require_isolation: refuse to start where jobs can reach files or the network.
        readable: folders that every job may read and run programs from (models, say).
        environment: variables for jobs; nothing of this process's own is passed on.
        rooms: where rooms are, for those who ask for one.
    """

    def __init__(
        self,
        operations: str | Sequence[str] = (),
        *,
        preload: Sequence[str] = (),
        require_isolation: bool = False,
        readable: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        rooms: RoomRules | None = None,
    ) -> None:
        self._config = ZygoteConfig(
            operations=(operations,) if isinstance(operations, str) else tuple(operations),
            preload=tuple(preload),
            readable=tuple(readable),
            environment=dict(environment or {}),
        )
        self._require_isolation = require_isolation
        self._starting = asyncio.Lock()
        self._link: Link | None = None
        self._jobs: set[Job] = set()
        self._rooms = Rooms(rooms, self._spawn) if rooms is not None else None
        self._protections: dict[str, str] = {}

    @property
    def capabilities(self) -> RunnerCapabilities:
        """Which protections hold, as a trial child found; nothing is known before `start`."""
        active = {name for name, state in self._protections.items() if state.startswith("active")}
        return RunnerCapabilities(
            isolated_files="landlock" in active,
            isolated_network=bool({"network namespace", "seccomp"} & active),
            isolated_process=bool(self._protections),
            detail=tuple(self._protections.items()),
        )

    async def start(self) -> None:
        """Start the zygote, unless it runs.

        Raises:
            EngineMisconfigured: it cannot start, or isolation is required and cannot be had.
            EngineUnavailable: it was ended while it started.
        """
        await self._ready()

    async def run(self, work: Work) -> AsyncGenerator[Report, None]:
        """Run the tasks in one child, reporting each as it goes.

        Raises:
            EngineMisconfigured, EngineUnavailable: as `start`.
            Crashed: no child could be forked.
        """
        if not work.tasks:
            return
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
            with theirs:
                child = await self._spawn([task.operation for task in work.tasks], theirs)
            line = await Line.over(ours)
            job = Job(work, child, line)
            self._jobs.add(job)
            try:
                async with aclosing(job.reports()) as reports:
                    async for report in reports:
                        yield report
            finally:
                await line.close()
                await job.end()
                self._jobs.discard(job)

    def room(self, project: str) -> AbstractAsyncContextManager[Lodger]:
        """A child that may have done other jobs of the project, and may go on to more.

        Raises:
            EngineMisconfigured: this runner was given no place for rooms.
        """
        if self._rooms is None:
            raise EngineMisconfigured("this sandbox has no rooms: it was given no place for them")
        return self._rooms.room(project)

    async def close(self) -> None:
        """End every child and the zygote, and wait for them."""
        if self._rooms is not None:
            await self._rooms.close()
        for job in tuple(self._jobs):
            await job.end()
        if self._link is not None:
            await self._link.close()
            self._link = None

    async def _spawn(self, operations: Sequence[str], connection: socket.socket) -> Child:
        link = await self._ready()
        try:
            return await link.spawn(operations, connection)
        except ZygoteLost:
            _log.warning("the zygote was lost while it forked; trying once with a new one")
            return await (await self._ready()).spawn(operations, connection)

    async def _ready(self) -> Link:
        async with self._starting:
            if self._link is None or self._link.lost:
                if self._link is not None:
                    _log.warning("the zygote ended; starting another")
                    await self._link.close()
                self._link = await Link.start(self._config)
                self._protections = self._link.protections
                await self._judge(self._link)
            return self._link

    async def _judge(self, link: Link) -> None:
        found = self.capabilities
        if found.isolated_files and found.isolated_network:
            return
        missing = "; ".join(f"{k}: {v}" for k, v in found.detail if not v.startswith("active"))
        if self._require_isolation:
            await link.close()
            raise EngineMisconfigured(
                f"jobs would not be isolated here ({missing})",
                hint="use a kernel with Landlock (5.13 or later) that allows user namespaces, "
                "or serve on the loopback address only",
            )
        _log.warning("jobs are not isolated here (%s); process only files you trust", missing)
