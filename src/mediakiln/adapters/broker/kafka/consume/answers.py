"""Those who wait for a commit's answer: hundreds at a time, for a few milliseconds each."""

import asyncio
import time
from contextlib import suppress

_LOOK_S = 1.0


class Answers:
    """Wakes everybody at each answer.

    One timer serves all: a time-out of its own for each ack would cost more than the ack.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiters: list[tuple[float, asyncio.Future[bool]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def next(self, deadline: float) -> bool:
        """Wait for the next answer; False when `deadline`, on the steady clock, passes before."""
        if time.monotonic() >= deadline:
            return False
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiters.append((deadline, waiter))
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK_S, self._look)
        return await waiter

    def come(self) -> None:
        """An answer is here; from any thread. A loop that has ended has nobody to wake."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            _tell(waiter, answered=True)

    def _look(self) -> None:
        now = time.monotonic()
        for deadline, waiter in self._waiters:
            if deadline <= now:
                _tell(waiter, answered=False)
        self._waiters = [line for line in self._waiters if not line[1].done()]
        self._timer = self._loop.call_later(_LOOK_S, self._look) if self._waiters else None


def _tell(waiter: asyncio.Future[bool], *, answered: bool) -> None:
    if not waiter.done():
        waiter.set_result(answered)
