"""Streaming into a part of a local upload."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from mediakiln.adapters.object_store.chunks import Chunks
from mediakiln.adapters.object_store.files import translated
from mediakiln.adapters.object_store.multipart.slot import Slot
from mediakiln.adapters.object_store.threads import Threads, finished
from mediakiln.model.errors import MediakilnError, NotSupported
from mediakiln.ports.multipart import Part

BLOCK = 1 << 20
"""Bytes that are hashed and written at a time."""


class LocalPartWriter:
    """Writes one block behind its caller, who receives the next one meanwhile.

    A failed write is therefore told by a later `write` or by `commit`.
    """

    def __init__(self, key: str, threads: Threads, slot: Slot) -> None:
        self._key = key
        self._threads = threads
        self._slot = slot
        self._chunks = Chunks()
        self._behind: asyncio.Future[None] | None = None
        self._open = False

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; a view's memory may be used again at once."""
        self._check_open()
        self._chunks.add(chunk)
        if self._chunks.size < BLOCK:
            return
        await self._caught_up()
        self._behind = self._threads.start(self._slot.write, self._chunks.take())
        self._behind.add_done_callback(_seen)

    async def commit(self) -> Part:
        """Make the part durable."""
        self._check_open()
        await self._caught_up()
        self._open = False
        with translated(self._key):
            return await self._threads.run(self._finish, self._chunks.take())

    async def __aenter__(self) -> Self:
        try:
            with translated(self._key):
                await self._threads.run(self._slot.open)
        except BaseException:
            self._slot.close()  # cancelled: it was opened all the same
            raise
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False
        self._chunks.take()
        try:
            if self._behind is not None:
                with suppress(OSError, MediakilnError):  # told already, or of no interest
                    await finished(self._behind)
        finally:
            self._slot.close()

    async def _caught_up(self) -> None:
        if self._behind is None:
            return
        try:
            with translated(self._key):
                await finished(self._behind)
        except BaseException:
            self._open = False
            raise

    def _check_open(self) -> None:
        if not self._open:
            raise NotSupported("The writer is closed.", key=self._key)

    def _finish(self, pieces: list[bytes | bytearray]) -> Part:
        if pieces:
            self._slot.write(pieces)
        return self._slot.commit()


def _seen(future: asyncio.Future[None]) -> None:
    """Mark an error as noticed: the writer may be left before it is asked for."""
    if not future.cancelled():
        future.exception()
