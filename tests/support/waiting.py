"""Waiting for what a test means, instead of for a moment that a busy machine makes too short."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(holds: Callable[[], bool | Awaitable[bool]], *, within_s: float = 10) -> None:
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
