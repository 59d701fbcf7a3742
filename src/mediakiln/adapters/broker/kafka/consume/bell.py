"""A doorbell inside one event loop."""

import asyncio
from contextlib import suppress


class Bell:
    """Wakes those who wait when it rings, and nobody who comes later."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def ring(self) -> None:
        """From the loop's own thread."""
        self._event.set()
        self._event.clear()

    def ring_from_afar(self) -> None:
        """From any thread; a loop that has ended has nobody to wake."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.ring)

    async def wait(self, seconds: float | None) -> None:
        """Sleep until it rings or `seconds` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
