"""Lanes: so much work at once, so much waiting, and the rest is refused at once."""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from mediakiln.model.errors import Overloaded
from mediakiln.telemetry import metrics

_FIRST_GUESS_S: Final = 0.2
_NEWEST: Final = 0.1
_MOST_RETRY_S: Final = 60


class Lane:
    """At most `workers` at work and `most_waiting` behind them, first come, first served.

    Nobody waits who would be served after more than `most_wait_s` seconds, at the usual pace: that
    of those before, at first `usual_s` seconds for each.
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
            metrics.DERIVED.labels("refused").inc()
            raise Overloaded(
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
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # it had its turn and does not want it
            else:
                with suppress(ValueError):  # passed over already, as one that left
                    self._queue.remove(turn)
            raise
        finally:
            waiting.dec()

    def _leave(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)  # the place goes over to it
                return
        self._busy -= 1
