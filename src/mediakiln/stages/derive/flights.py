"""Flights: identical requests at one time are one piece of work, and wait for it together."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Flight:
    """One piece of work and how many wait for it."""

    waiters: int = 0
    began: bool = False
    """It has left the queue: it goes on though nobody waits any more."""
    task: "asyncio.Task[Any]" = field(init=False)

    def begin(self) -> None:
        """From now on it is not dropped."""
        self.began = True


class Flights(Generic[T]):
    """The work that is under way, by name."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, name: str) -> bool:
        return name in self._flights

    async def join(self, name: str, start: Callable[[Flight], Coroutine[Any, Any, T]]) -> T:
        """The result of the work of that name, begun by whoever asks first.

        When the last who waits is cancelled before the work has begun, it is dropped.

        Raises:
            Exception: whatever the work raises, to everybody who waits for it.
        """
        flight = self._flights.get(name)
        if flight is None:
            flight = Flight()
            flight.task = asyncio.create_task(start(flight))
            self._flights[name] = flight
            flight.task.add_done_callback(lambda _: self._land(name, flight))
        flight.waiters += 1
        try:
            result: T = await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.began and not flight.task.done():
                self._land(name, flight)
                flight.task.cancel()
        return result

    async def close(self) -> None:
        """Drop everything."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _land(self, name: str, flight: Flight) -> None:
        if self._flights.get(name) is flight:
            del self._flights[name]
        if flight.task.done() and not flight.task.cancelled():
            flight.task.exception()  # read here: perhaps nobody waits for it any more
