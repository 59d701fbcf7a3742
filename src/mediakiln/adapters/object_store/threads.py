"""File calls off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mediakiln.model.errors import EngineUnavailable

Result = TypeVar("Result")


class Threads:
    """A pool whose calls run to their end even when whoever awaits them is cancelled.

    So after a cancellation no thread is still at work on a file that is thought to be closed.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="object-store")
        self._ended = False

    def start(self, call: Callable[..., Result], *args: Any) -> asyncio.Future[Result]:
        """Begin a call; the future holds its outcome.

        Raises:
            EngineUnavailable: the threads have ended.
        """
        if self._ended:
            raise EngineUnavailable("The store is closed.")
        return asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    async def run(self, call: Callable[..., Result], *args: Any) -> Result:
        """Make a call and give its outcome."""
        return await finished(self.start(call, *args))

    async def close(self) -> None:
        """Wait for calls under way and end the threads."""
        self._ended = True
        await asyncio.to_thread(self._pool.shutdown)


async def finished(
    future: asyncio.Future[Result], *, hurry: Callable[[], None] | None = None
) -> Result:
    """Give a future's outcome; a cancellation is passed on only once the future is done.

    Args:
        future: what to wait for.
        hurry: called at a cancellation, to make a long call end early.
    """
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if hurry is not None:
            hurry()
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:  # already on its way
                continue
        raise
