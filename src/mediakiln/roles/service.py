"""What a role is made of: things that run until they are told to stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from mediakiln.model.errors import MediakilnError

log = logging.getLogger(__name__)


class Service(Protocol):
    """Runs until `stop` is set, then finishes what it holds."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; an exception means that it cannot go on."""
        ...


class Sweeper:
    """Calls `sweep` every `interval` seconds, and at once again while there is more to do."""

    def __init__(
        self, name: str, sweep: Callable[[], Awaitable[int]], *, interval: float, full: int
    ) -> None:
        self._name = name
        self._sweep = sweep
        self._interval = interval
        self._full = full

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until told to stop; an engine that fails is tried again."""
        while not stop.is_set():
            done = 0
            try:
                done = await self._sweep()
            except MediakilnError as error:
                log.warning("sweep failed: %s", error, extra={"role": self._name})
            if done < self._full:
                await wait_for_stop(stop, self._interval)


async def wait_for_stop(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past the signal to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


class Together:
    """Several services as one; the first that cannot go on ends them all."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services

    async def run(self, stop: asyncio.Event) -> None:
        """Run all; when one raises, stop the others and raise its error."""
        try:
            async with asyncio.TaskGroup() as group:
                for service in self._services:
                    group.create_task(self._guard(service, stop))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    @staticmethod
    async def _guard(service: Service, stop: asyncio.Event) -> None:
        try:
            await service.run(stop)
        finally:
            stop.set()
