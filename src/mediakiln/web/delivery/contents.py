"""The bytes behind a `Deliverable`: small ones from memory, large ones in chunks."""

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from mediakiln.model.deliverable import Deliverable
from mediakiln.model.errors import ObjectMissing
from mediakiln.stages.deliver import Deliver
from mediakiln.web.delivery.ranges import Span

SMALL: Final = 1024 * 1024
"""Files up to this size are read whole and kept while they are popular."""
CHUNK: Final = 1024 * 1024
MAX_KEPT: Final = 32 * 1024 * 1024


class Contents:
    """Opens deliverables; keeps at most `max_kept` bytes of small ones in memory."""

    def __init__(self, deliver: Deliver, *, max_kept: int = MAX_KEPT) -> None:
        self._deliver = deliver
        self._max_kept = max_kept
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._kept_bytes = 0

    def at_hand(self, item: Deliverable) -> bytes | None:
        """The whole content, if it is in memory."""
        held = self._kept.get((item.key, item.etag))
        if held is not None:
            self._kept.move_to_end((item.key, item.etag))
        return held

    @asynccontextmanager
    async def open(self, item: Deliverable, data: bytes | None = None) -> AsyncIterator["Content"]:
        """The content, ready to be read: an error comes here, before a header is sent.

        Args:
            item: what is sent.
            data: a small file's bytes, where the caller has them: the store may not yet.

        Raises:
            ObjectMissing: the store does not have the bytes the record speaks of.
        """
        if item.size <= SMALL:
            yield _InMemory(data or self.at_hand(item) or await self._whole(item))
        elif item.path is not None:
            descriptor = await asyncio.to_thread(_open, item.path, item)
            try:
                yield _InFile(descriptor)
            finally:
                os.close(descriptor)
        else:
            yield _InStore(self._deliver, item)

    async def _whole(self, item: Deliverable) -> bytes:
        if item.path is not None:
            data = await asyncio.to_thread(_read, item.path, item)
        else:
            data = b"".join([chunk async for chunk in self._deliver.stream(item)])
        _check_size(len(data), item)
        if item.immutable:
            self.keep(item, data)
        return data

    def keep(self, item: Deliverable, data: bytes) -> None:
        """Have a small file's content at hand, in place of what was asked for longest ago."""
        key = (item.key, item.etag)
        if key in self._kept:
            return
        self._kept[key] = data
        self._kept_bytes += len(data)
        while self._kept_bytes > self._max_kept:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped)


class _InMemory:
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self, span: Span) -> AsyncGenerator[bytes, None]:
        if span.size == len(self._data):
            yield self._data
        elif span.size:
            yield self._data[span.start : span.end]


class _InFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def read(self, span: Span) -> AsyncGenerator[bytes, None]:
        position = span.start
        while position < span.end:
            size = min(CHUNK, span.end - position)
            # A cancelled request must not close the descriptor under a thread that reads it.
            reading = asyncio.to_thread(os.pread, self._descriptor, size, position)
            chunk = await _uninterrupted(reading)
            if not chunk:
                raise ObjectMissing("the file became shorter while it was sent")
            position += len(chunk)
            yield chunk


class _InStore:
    def __init__(self, deliver: Deliver, item: Deliverable) -> None:
        self._deliver = deliver
        self._item = item

    async def read(self, span: Span) -> AsyncGenerator[bytes, None]:
        async for chunk in self._deliver.stream(self._item, start=span.start, end=span.end):
            yield chunk


Content: TypeAlias = _InMemory | _InFile | _InStore
"""Something with `read(span)`: the span's bytes, in chunks."""


async def _uninterrupted(work: Coroutine[Any, Any, bytes]) -> bytes:
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _open(path: Path, item: Deliverable) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ObjectMissing(key=item.key) from None
    try:
        _check_size(os.fstat(descriptor).st_size, item)
    except ObjectMissing:
        os.close(descriptor)
        raise
    return descriptor


def _read(path: Path, item: Deliverable) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ObjectMissing(key=item.key) from None


def _check_size(size: int, item: Deliverable) -> None:
    if size != item.size:
        raise ObjectMissing(
            "the stored object is not the one that was recorded", limit=item.size, value=size
        )
