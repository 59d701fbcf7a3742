"""Entries that come together travel together: at most ten of them, and 256 KiB, in one call.

A call of SQS and SNS may fail for some of its entries. Those are tried again, unless the fault is
theirs; whoever added an entry learns what became of it alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediakiln.model.errors import EngineUnavailable, MediakilnError

MAX_ENTRIES = 10
MAX_BYTES = 256 * 1024
_ATTEMPTS = 4
_PAUSE_S = 0.1
_FLIGHTS = 8

Call = Callable[[Sequence[Mapping[str, Any]]], Awaitable[Mapping[str, Any]]]
Fault = Callable[[dict[str, Any]], MediakilnError]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A part of a call, and who waits for it."""

    fields: Mapping[str, Any]
    size: int
    outcome: asyncio.Future[None]


class Batches:
    """The calls of one operation on one queue or topic.

    `call` takes entries with their `Id` and answers as SQS does: `Successful` and `Failed`, each a
    list with `Id`s. `fault` turns a failed entry into an error. `linger` is how many seconds an
    entry waits for company.
    """

    def __init__(self, call: Call, fault: Fault, *, linger: float = 0.0) -> None:
        self._call = call
        self._fault = fault
        self._linger = linger
        self._waiting: list[Entry] = []
        self._timer: asyncio.TimerHandle | None = None
        self._slots = asyncio.Semaphore(_FLIGHTS)
        self._flights: set[asyncio.Task[None]] = set()

    def add(self, fields: Mapping[str, Any], size: int = 0) -> asyncio.Future[None]:
        """Put an entry on its way; the future is done when the service has confirmed it."""
        loop = asyncio.get_running_loop()
        entry = Entry(fields, size, loop.create_future())
        self._waiting.append(entry)
        if self._timer is None:
            self._timer = loop.call_later(self._linger, self._depart)
        elif len(self._waiting) >= MAX_ENTRIES:
            self._depart()
        return entry.outcome

    async def close(self, patience: float) -> None:
        """Let calls under way come to their end for up to `patience` seconds, then fail them."""
        self._depart()
        if self._flights:
            _, late = await asyncio.wait(self._flights, timeout=patience)
            for flight in late:
                flight.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _depart(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting = [entry for entry in self._waiting if not entry.outcome.done()]
        self._waiting.clear()
        for batch in split(waiting):
            flight = asyncio.get_running_loop().create_task(self._fly(batch))
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)

    async def _fly(self, batch: list[Entry]) -> None:
        error: MediakilnError = EngineUnavailable("the call was broken off")
        try:
            async with self._slots:
                for attempt in range(_ATTEMPTS):
                    if attempt:
                        await asyncio.sleep(_PAUSE_S * 2**attempt)
                    batch = await self._tried(batch)
                    if not batch:
                        return
            error = EngineUnavailable(f"{len(batch)} entries of a batch failed {_ATTEMPTS} times")
        except MediakilnError as failure:
            error = failure
        finally:
            for entry in batch:
                if not entry.outcome.done():
                    entry.outcome.set_exception(error)

    async def _tried(self, batch: list[Entry]) -> list[Entry]:
        """Call once; the entries that are to be tried again."""
        answer = await self._call(
            [{"Id": str(number), **entry.fields} for number, entry in enumerate(batch)]
        )
        done = {item["Id"] for item in answer.get("Successful") or ()}
        errors = {item["Id"]: self._fault(item) for item in answer.get("Failed") or ()}
        left = []
        for number, entry in enumerate(batch):
            error = errors.get(str(number))
            if entry.outcome.done():
                continue
            if str(number) in done:
                entry.outcome.set_result(None)
            elif error is None or isinstance(error, EngineUnavailable):
                left.append(entry)
            else:
                entry.outcome.set_exception(error)
        return left


def split(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Batches that keep both limits, in the order of their entries."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and (len(batch) == MAX_ENTRIES or size + entry.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


async def settled(outcomes: Sequence[Awaitable[None]]) -> None:
    """Wait until all are known, then raise the first error."""
    results = await asyncio.gather(*outcomes, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
