"""Waiting for what a test means, instead of for a moment that a busy machine makes too short."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def eventually(holds: Callable[[], bool | Awaitable[bool]], *, within_s: float = 30) -> None:
    """Return once `holds` does.

    Raises:
        TimeoutError: it did not within `within_s` seconds.
    """
    async with asyncio.timeout(within_s):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.005)


def until(holds: Callable[[], bool], *, within: float = 60) -> None:
    """Return once `holds` does, for tests that are not asynchronous.

    Raises:
        AssertionError: it did not within that many seconds.
    """
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.05)
