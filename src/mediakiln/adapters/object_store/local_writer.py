"""Streaming into a local file: an object here, a part of one in `multipart`."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Generic, Self, TypeVar

from mediakiln.adapters.object_store.chunks import Blocks, Chunks
from mediakiln.adapters.object_store.files import translated
from mediakiln.adapters.object_store.incoming import Draft, Incoming
from mediakiln.adapters.object_store.threads import Threads, finished
from mediakiln.model.errors import MediakilnError, NotSupported
from mediakiln.ports.object_store import ObjectInfo

Stored = TypeVar("Stored")


class BlockWriter(ABC, Generic[Stored]):
    """Writes one block behind its caller, who hashes or receives the next one meanwhile.

    A failed write is therefore told by a later `write` or by `commit`.
    """

    def __init__(self, key: str, threads: Threads, blocks: Blocks) -> None:
        self._key = key
        self._threads = threads
        self._blocks = blocks
        self._chunks = Chunks()
        self._behind: asyncio.Future[None] | None = None
        self._open = False

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; a view's memory may be used again at once."""
        self._check_open()
        self._chunks.add(chunk)
        if self._chunks.size < self._blocks.size:
            return
        await self._caught_up()
        self._behind = self._threads.start(self._append, self._chunks.take())
        self._behind.add_done_callback(_seen)

    async def commit(self) -> Stored:
        """Make what was written durable, and known."""
        self._check_open()
        await self._caught_up()
        self._open = False
        with translated(self._key):
            return await self._threads.run(self._finish, self._chunks.take())

    async def __aenter__(self) -> Self:
        await self._enter()
        self._blocks.join()
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False
        self._blocks.leave()
        self._chunks.take()
        try:
            if self._behind is not None:
                # Told already, or of no interest to whoever gave up.
                with suppress(OSError, MediakilnError):
                    await finished(self._behind)
        finally:
            await self._leave()

    @abstractmethod
    async def _enter(self) -> None:
        """Take the place to write to."""

    @abstractmethod
    def _append(self, pieces: Sequence[bytes | bytearray]) -> None:
        """Write a block, in a thread."""

    @abstractmethod
    def _finish(self, pieces: Sequence[bytes | bytearray]) -> Stored:
        """Write the last bytes and make all of them durable, in a thread."""

    @abstractmethod
    async def _leave(self) -> None:
        """Give the place up, and what was not committed."""

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


class LocalWriter(BlockWriter[ObjectInfo]):
    """Writes an object: into a draft, which is published at the commit."""

    def __init__(
        self,
        key: str,
        threads: Threads,
        blocks: Blocks,
        incoming: Incoming,
        publish: Callable[[Draft], ObjectInfo],
    ) -> None:
        super().__init__(key, threads, blocks)
        self._incoming = incoming
        self._publish = publish
        self._draft: Draft | None = None

    async def _enter(self) -> None:
        """The draft is made with the first block, in the same thread."""

    def _append(self, pieces: Sequence[bytes | bytearray]) -> None:
        if self._draft is None:
            self._draft = self._incoming.create()
        try:
            self._draft.write(pieces)
        except OSError:
            self._draft.discard()
            raise

    def _finish(self, pieces: Sequence[bytes | bytearray]) -> ObjectInfo:
        draft = self._draft or self._incoming.create()
        try:
            draft.write(pieces)
            return self._publish(draft)
        finally:
            draft.discard()

    async def _leave(self) -> None:
        if self._draft is not None:
            with translated(self._key):
                await self._threads.run(self._draft.discard)


def _seen(future: asyncio.Future[None]) -> None:
    """Mark an error as noticed: the writer may be left before it is asked for."""
    if not future.cancelled():
        future.exception()
