"""Parts whose size must be known before, and of which only the last may be small."""

import asyncio
import time

from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.parts import Parts
from mediakiln.stages.uploads.tus.flow import Flow, flush_size
from mediakiln.stages.uploads.tus.session import Session
from mediakiln.stages.uploads.tus.state import Tail, TusLimits, tail_prefix


class Gathered(Flow):
    """For stores that must know a part's size before, and take no small ones but the last.

    Memory: two parts per request. What is too little for a part at the end of a request stays as
    an object of its own, which the next request reads first.
    """

    def __init__(
        self,
        parts: Parts,
        store: ObjectStore,
        session: Session,
        limits: TusLimits,
        *,
        held_back: bool,
    ) -> None:
        super().__init__(parts, session, limits, held_back=held_back)
        self._store = store
        rules = parts.part_rules
        least = flush_size(session, rules.max_parts)
        self._most = max(limits.gather_bytes, rules.min_bytes, least)
        self._buffer: bytearray | None = None
        self._saved = 0
        self._left: list[str] = []

    async def add(self, chunk: bytes) -> None:
        """Append bytes."""
        buffer = await self._loaded()
        buffer += chunk
        if len(buffer) >= self._most:
            await self._turn()
        elif self._due():
            await self.pause()

    async def pause(self) -> None:
        """Save the tail."""
        if not self._held_back:
            await self._save()

    async def settle(self) -> None:
        """Send the rest as the last part, or save it as the tail."""
        buffer = await self._loaded()
        await self._caught_up()
        start = self._position.offset - (self._position.tail.size if self._position.tail else 0)
        if self._session.size == start + len(buffer):
            await self._turn()
            await self._caught_up()
        else:
            await self._save()
        await self._session.advance(self._position)
        await self._tidy()

    async def discard(self) -> None:
        """Forget the buffer, and delete tails that the record does not name."""
        await self._abandoned()
        self._buffer = None
        await self._tidy()

    async def _loaded(self) -> bytearray:
        if self._buffer is None:
            tail = self._position.tail
            self._buffer = bytearray()
            if tail is not None:
                self._buffer += await self._store.get(Bucket.INPUT, tail.key)
                self._saved = len(self._buffer)
                self._left.append(tail.key)
        return self._buffer

    async def _turn(self) -> None:
        """Send all that is gathered as one part."""
        await self._caught_up()
        data, self._buffer = self._buffer, bytearray()
        self._saved = 0
        if data:
            self._behind = asyncio.create_task(self._send(data))

    async def _send(self, data: bytearray) -> None:
        tail = self._position.tail.size if self._position.tail else 0
        number, offset = self._position.parts + 1, self._position.offset - tail
        with self._session.working():
            await self._session.confirm()
            async with self.opened(number, offset=offset, size=len(data)) as writer:
                await writer.write(memoryview(data))
                part = await writer.commit()
            await self._moved(self._position.after(part))

    async def _save(self) -> None:
        """Keep what is gathered as the tail."""
        self._since = time.monotonic()
        await self._caught_up()
        buffer = await self._loaded()
        if len(buffer) == self._saved:
            return
        old = self._position.tail
        upload = self._session.upload
        tail = Tail(key=f"{tail_prefix(upload)}{new_id()}", size=len(buffer))
        self._left.append(tail.key)
        start = self._position.offset - (old.size if old else 0)
        with self._session.working():
            await self._store.put(Bucket.INPUT, tail.key, bytes(buffer))
            after = {"tail": tail, "offset": start + len(buffer)}
            await self._moved(self._position.model_copy(update=after))
        self._saved = len(buffer)

    async def _tidy(self) -> None:
        kept = self._session.position.tail
        gone = [key for key in self._left if kept is None or key != kept.key]
        if gone:
            await self._store.delete(Bucket.INPUT, gone)
        self._left = [] if kept is None else [kept.key]
