"""Streaming into a local object."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from mediakiln.adapters.object_store.chunks import Chunks
from mediakiln.adapters.object_store.files import translated
from mediakiln.adapters.object_store.incoming import Draft, Incoming
from mediakiln.adapters.object_store.threads import Threads, finished
from mediakiln.model.errors import NotSupported
from mediakiln.ports.object_store import ObjectInfo

BLOCK = 1 << 20
"""Bytes that are written at a time; smaller objects take a single thread hop in all."""


class LocalWriter:
    """Writes one block behind its caller, who hashes or receives the next one meanwhile.

    A failed write is therefore told by a later `write` or by `commit`.
    """

    def __init__(
        self,
        key: str,
        threads: Threads,
        incoming: Incoming,
        publish: Callable[[Draft], ObjectInfo],
    ) -> None:
        self._key = key
        self._threads = threads
        self._incoming = incoming
        self._publish = publish
        self._chunks = Chunks()
        self._draft: Draft | None = None
        self._behind: asyncio.Future[None] | None = None
        self._open = True

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; a view's memory may be used again at once."""
        self._check_open()
        self._chunks.add(chunk)
        if self._chunks.size < BLOCK:
            return
        await self._caught_up()
        self._behind = self._threads.start(self._append, self._chunks.take())
        self._behind.add_done_callback(_seen)

    async def commit(self) -> ObjectInfo:
        """Make the object durable and visible."""
        self._check_open()
        await self._caught_up()
        self._open = False
        with translated(self._key):
            return await self._threads.run(self._finish, self._chunks.take())

    async def __aenter__(self) -> Self:
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
                with suppress(OSError):  # told already, or of no interest to whoever gave up
                    await finished(self._behind)
        finally:
            if self._draft is not None:
                with translated(self._key):
                    await self._threads.run(self._draft.discard)

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

    def _append(self, pieces: list[bytes | bytearray]) -> None:
        if self._draft is None:
            self._draft = self._incoming.create()
        try:
            self._draft.write(pieces)
        except OSError:
            self._draft.discard()
            raise

    def _finish(self, pieces: list[bytes | bytearray]) -> ObjectInfo:
        draft = self._draft or self._incoming.create()
        try:
            draft.write(pieces)
            return self._publish(draft)
        finally:
            draft.discard()


def _seen(future: asyncio.Future[None]) -> None:
    """Mark an error as noticed: the writer may be left before it is asked for."""
    if not future.cancelled():
        future.exception()
