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
    """At most `workers` at work and `most_waiting` behind them, first come, first served."""

    def __init__(self, name: str, *, workers: int, most_waiting: int) -> None:
        self.name = name
        self._workers = workers
        self._most_waiting = most_waiting
        self._busy = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._usual_s = _FIRST_GUESS_S

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def check(self) -> None:
        """Refuse where there is no place.

        Raises:
            Overloaded: with `retry_after`, in seconds.
        """
        if self._busy >= self._workers and len(self._queue) >= self._most_waiting:
            metrics.DERIVED.labels("refused").inc()
            raise Overloaded(
                "too many images are asked for at once",
                limit=self._most_waiting,
                retry_after=self.retry_after(),
            )

    def retry_after(self) -> int:
        """Seconds in which those who wait now will be served, at the usual pace."""
        ahead = (len(self._queue) + self._busy) / self._workers
        return max(1, min(_MOST_RETRY_S, math.ceil(ahead * self._usual_s)))

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
        if self._busy < self._workers:
            self._busy += 1
            return
        self.check()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._tell()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # it had its turn and does not want it
            else:
                with suppress(ValueError):  # passed over already, as one that left
                    self._queue.remove(turn)
                self._tell()
            raise

    def _leave(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)  # the place goes over to it
                self._tell()
                return
        self._busy -= 1
        self._tell()

    def _tell(self) -> None:
        metrics.DERIVE_WAITING.labels(self.name).set(len(self._queue))
