"""Waiting on several topics at once, each with a long poll of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any

from mediakiln.model.errors import MediakilnError
from mediakiln.ports.broker import Delivery

Found = Sequence[tuple[str, Delivery]]


class Listening:
    """One pending receive per topic. One that has answered is renewed, the others stay.

    Beginning and ending a receive costs the engine more than letting it wait.
    """

    def __init__(self, receive: Callable[[str], Awaitable[Found]]) -> None:
        self._receive = receive
        self._pending: dict[str, asyncio.Task[Found]] = {}

    def __contains__(self, topic: str) -> bool:
        return topic in self._pending

    async def next(self, topics: Iterable[str], others: Iterable[asyncio.Task[Any]]) -> Found:
        """What the first topics to answer gave; nothing where time was up or another task ended.

        Raises:
            MediakilnError: a topic could not be read, and no other gave anything.
        """
        for topic in topics:
            if topic not in self._pending:
                self._pending[topic] = asyncio.create_task(_awaited(self._receive(topic)))
        waits = [*self._pending.values(), *others]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        answered = [topic for topic, task in self._pending.items() if task.done()]
        return _found([self._pending.pop(topic) for topic in answered])

    async def end(self, topics: Collection[str] | None = None) -> Found:
        """Wait no longer for these topics, or for any.

        What came in at the last moment is held and must be worked on.
        """
        ended = [name for name in self._pending if topics is None or name in topics]
        tasks = [self._pending.pop(name) for name in ended]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return _found([task for task in tasks if not task.cancelled() and not task.exception()])


async def _awaited(call: Awaitable[Found]) -> Found:
    return await call


def _found(tasks: Iterable[asyncio.Task[Found]]) -> Found:
    results = [task.exception() or task.result() for task in tasks]
    found = [pair for result in results if not isinstance(result, BaseException) for pair in result]
    for result in results:
        if isinstance(result, BaseException) and not (found and isinstance(result, MediakilnError)):
            raise result
    return found
