"""Origins: whoever is asked for sources, none of whom may hold up the others."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from mediakiln.model.errors import Overloaded
from mediakiln.stages.derive.lanes import Lane


class OriginLanes:
    """Places of one lane, of which a single origin may hold `most_each` at once.

    Further requests to that origin wait for it alone, for at most `most_wait_s` seconds.
    """

    def __init__(self, lane: Lane, *, most_each: int, most_wait_s: float) -> None:
        self._lane = lane
        self._most_each = most_each
        self._most_wait_s = most_wait_s
        self._open: dict[str, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    @asynccontextmanager
    async def place(self, origin: str) -> AsyncIterator[None]:
        """Be served by the lane, once it is one's turn there and with one's origin.

        Raises:
            Overloaded: too many wait already, or for too long; with `retry_after` in seconds.
        """
        own = self._open.get(origin)
        if own is None:
            own = self._open[origin] = _Open(self._own(origin))
        own.users += 1
        try:
            async with AsyncExitStack() as stack:
                await self._turn(own.lane, stack)
                await stack.enter_async_context(self._lane.place())
                yield
        finally:
            own.users -= 1
            if not own.users:
                del self._open[origin]

    async def _turn(self, lane: "_OriginLane", stack: AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(self._most_wait_s):
                await stack.enter_async_context(lane.place())
        except TimeoutError:
            raise lane.late() from None

    def _own(self, origin: str) -> "_OriginLane":
        return _OriginLane(
            origin,
            workers=self._most_each,
            most_waiting=self._lane.most_waiting,
            most_wait_s=self._most_wait_s,
        )


class _OriginLane(Lane):
    """The turns of one origin, which may hang: what is under way says more than what was."""

    def __init__(self, origin: str, *, workers: int, most_waiting: int, most_wait_s: float) -> None:
        super().__init__(
            "origin", workers=workers, most_waiting=most_waiting, most_wait_s=most_wait_s
        )
        self._origin = origin
        self._began: list[float] = []

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """As of every lane."""
        async with super().place():
            began = time.monotonic()
            self._began.append(began)
            try:
                yield
            finally:
                self._began.remove(began)

    def late(self) -> Overloaded:
        """The refusal of who waited in vain."""
        return Overloaded(
            self._refusal(), limit=self._most_wait_s, unit="s", retry_after=self.retry_after()
        )

    def _refusal(self) -> str:
        where = self._origin or "the store"
        return f"too many images wait for sources from {where}"

    def _ahead_s(self) -> float:
        """Where none that is under way has come to an end for long, those behind take as long."""
        newest = time.monotonic() - max(self._began, default=time.monotonic())
        turns = (len(self._queue) + self._busy) / self.workers
        return turns * max(self._usual_s, newest)


@dataclass(slots=True)
class _Open:
    lane: _OriginLane
    users: int = 0
