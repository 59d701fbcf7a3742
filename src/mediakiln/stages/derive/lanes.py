"""Lanes: so much work at once, so much waiting, and the rest is refused at once.

Of a lane's places, `OriginLanes` gives each origin of sources a part.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from mediakiln.model.errors import Overloaded
from mediakiln.telemetry import metrics

_FIRST_GUESS_S: Final = 0.2
_NEWEST: Final = 0.1
_MOST_RETRY_S: Final = 60


class Lane:
    """At most `workers` at work and `most_waiting` behind them, first come, first served.

    Nobody waits who would be served after more than `most_wait_s` seconds, at the usual pace: that
    of those before, at first `usual_s` seconds for each. Nor does anybody wait for longer than that
    where it turns out to be slower.
    """

    def __init__(
        self,
        name: str,
        *,
        workers: int,
        most_waiting: int,
        most_wait_s: float = 60.0,
        usual_s: float = _FIRST_GUESS_S,
    ) -> None:
        self.name = name
        self.workers = workers
        self.most_waiting = most_waiting
        self._most_wait_s = most_wait_s
        self._busy = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._usual_s = usual_s

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def check(self) -> None:
        """Refuse where there is no place.

        Raises:
            Overloaded: with `retry_after`, in seconds.
        """
        if self._busy < self.workers:
            return
        full = len(self._queue) >= self.most_waiting
        if full or self._ahead_s() > self._most_wait_s:
            raise self._overloaded(full=full)

    def _overloaded(self, *, full: bool) -> Overloaded:
        metrics.DERIVED.labels("refused").inc()
        return Overloaded(
            self._refusal(),
            limit=self.most_waiting if full else self._most_wait_s,
            unit=None if full else "s",
            retry_after=self.retry_after(),
        )

    def retry_after(self) -> int:
        """Seconds in which those who wait now will be served, at the usual pace."""
        return max(1, min(_MOST_RETRY_S, math.ceil(self._ahead_s())))

    def _refusal(self) -> str:
        return "too many images are asked for at once"

    def _ahead_s(self) -> float:
        return (len(self._queue) + self._busy) / self.workers * self._usual_s

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Work in the lane, once it is one's turn. Whoever is cancelled leaves the queue.

        Raises:
            Overloaded: as `check`.
        """
        await self._enter()
        began = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - began
            self._usual_s += _NEWEST * (seconds - self._usual_s)
            metrics.DERIVE_SECONDS.labels(self.name).observe(seconds)
            self._leave()

    async def _enter(self) -> None:
        if self._busy < self.workers:
            self._busy += 1
            return
        self.check()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        waiting = metrics.DERIVE_WAITING.labels(self.name)
        waiting.inc()
        try:
            async with asyncio.timeout(self._most_wait_s):
                await self._awaited(turn)
        except TimeoutError:
            raise self._overloaded(full=False) from None
        finally:
            waiting.dec()

    async def _awaited(self, turn: "asyncio.Future[None]") -> None:
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # it had its turn and does not want it
            else:
                with suppress(ValueError):  # passed over already, as one that left
                    self._queue.remove(turn)
            raise

    def _leave(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)  # the place goes over to it
                return
        self._busy -= 1


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
                await stack.enter_async_context(own.lane.place())
                await stack.enter_async_context(self._lane.place())
                yield
        finally:
            own.users -= 1
            if not own.users:
                del self._open[origin]

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
