"""Streaming into a cloud object: parts on their way while the next one is gathered."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from mediakiln.model.errors import LimitExceeded, MediakilnError, NotSupported
from mediakiln.ports.object_store import ObjectInfo

PART_BYTES = 8 << 20
_STAGES = ((2_000, PART_BYTES), (6_000, 4 * PART_BYTES), (10_000, 16 * PART_BYTES))
"""Up to which part number parts have which size. S3 takes 10,000 parts: 656 GiB in all."""


def part_size(number: int) -> int:
    """Bytes of part `number`, counted from 1. Only the last one is smaller.

    Raises:
        LimitExceeded: no engine takes so many parts.
    """
    for last, size in _STAGES:
        if number <= last:
            return size
    raise LimitExceeded("The object is too large to be streamed.", limit=_STAGES[-1][0])


class Upload(Protocol):
    """An object whose parts are on their way to an engine, and are invisible until the end."""

    parallel: int
    """How many parts of `PART_BYTES` may be on their way at once."""

    async def part(self, number: int, data: bytes) -> None:
        """Send one part; numbers count from 1."""
        ...

    async def complete(self) -> ObjectInfo:
        """Make one visible, durable object of the parts.

        Raises:
            AlreadyExists: it was begun with `if_absent`, and the key is taken.
        """
        ...

    async def abort(self) -> None:
        """Throw the parts away."""
        ...


class CloudWriter:
    """Holds one part, and up to two more of 8 MiB that are being sent.

    A failed part is told by a later `write` or by `commit`.

    Args:
        key: the object's key, for messages.
        put: stores what fits into one part whole.
        begin: opens an upload for what does not.
    """

    def __init__(
        self,
        key: str,
        put: Callable[[bytes], Awaitable[ObjectInfo]],
        begin: Callable[[], Awaitable[Upload]],
    ) -> None:
        self._key = key
        self._put = put
        self._begin = begin
        self._gathered = bytearray()
        self._number = 1
        self._upload: Upload | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._open = True

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes; a view's memory may be used again at once."""
        self._check_open()
        rest = memoryview(chunk)
        while rest:
            room = part_size(self._number) - len(self._gathered)
            self._gathered += rest[:room]
            rest = rest[room:]
            if len(self._gathered) == part_size(self._number):
                await self._send()

    async def commit(self) -> ObjectInfo:
        """Make the object durable and visible."""
        self._check_open()
        self._open = False
        if self._upload is None:
            return await self._put(bytes(self._gathered))
        if self._gathered:
            await self._send()
        await self._down_to(0)
        info = await self._upload.complete()
        self._upload = None
        return info

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = False
        self._gathered.clear()
        for task in self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending)
        if self._upload is not None:
            with suppress(MediakilnError):  # the bucket's lifecycle rule ends it then
                await self._upload.abort()

    async def _send(self) -> None:
        """Send what was gathered, as soon as there is room for it on the way."""
        if self._upload is None:
            self._upload = await self._begin()
        size = part_size(self._number)
        await self._down_to(max(self._upload.parallel * PART_BYTES // size - 1, 0))
        data = bytes(self._gathered)
        self._gathered = bytearray()
        task = asyncio.create_task(self._upload.part(self._number, data))
        self._sending.add(task)
        self._number += 1

    async def _down_to(self, count: int) -> None:
        """Wait until so few parts are on their way; tell the first failure."""
        while len(self._sending) > count:
            done, _ = await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
            self._sending -= done
            for task in done:
                try:
                    task.result()
                except BaseException:
                    self._open = False
                    raise

    def _check_open(self) -> None:
        if not self._open:
            raise NotSupported("The writer is closed.", key=self._key)
