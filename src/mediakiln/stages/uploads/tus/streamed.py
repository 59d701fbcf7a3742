"""Parts of any size: bytes go straight on."""

import asyncio
import time
from typing import Final

from mediakiln.model.errors import UploadBusy
from mediakiln.ports.multipart import PartWriter
from mediakiln.stages.uploads.parts import Parts
from mediakiln.stages.uploads.tus.flow import Flow, flush_size
from mediakiln.stages.uploads.tus.session import Session
from mediakiln.stages.uploads.tus.state import TusLimits

_HALF: Final = 2
"""The share of the possible parts that flushing by size may use up; the rest is for requests
that end before."""


class Streamed(Flow):
    """For stores whose parts may be of any size: bytes go straight on."""

    def __init__(
        self, parts: Parts, session: Session, limits: TusLimits, *, held_back: bool
    ) -> None:
        super().__init__(parts, session, limits, held_back=held_back)
        rules = parts.part_rules
        self._least = flush_size(session, rules.max_parts // _HALF)
        self._most = min(max(limits.flush_bytes, self._least), rules.max_bytes)
        self._number = self._position.parts + 1
        self._offset = self._position.offset
        self._open: PartWriter | None = None
        self._size = 0

    async def add(self, chunk: bytes) -> None:
        """Append bytes."""
        if self._open is None:
            self._open = await self._begun()
            self._since = time.monotonic()
        await self._open.write(chunk)
        self._size += len(chunk)
        if self._size >= self._most or (self._size >= self._least and self._due()):
            await self._flush()

    async def pause(self) -> None:
        """Commit what is open."""
        if self._size >= self._least:
            await self._flush()
            await self._caught_up()

    async def settle(self) -> None:
        """Commit what is open."""
        await self._turn()
        await self._caught_up()
        await self._session.advance(self._position)

    async def discard(self) -> None:
        """Leave the open part without committing it."""
        await self._abandoned()
        writer, self._open = self._open, None
        if writer is not None:
            await writer.__aexit__(None, None, None)

    async def _begun(self) -> PartWriter:
        """The next part's writer.

        Whoever writes in place spoils an older part of its number with the first byte. So the
        lease is looked at once the place is ours: nobody can have written there since.
        """
        writer = await self._entered()
        try:
            await self._session.confirm()
        except BaseException:
            await writer.__aexit__(None, None, None)
            raise
        return writer

    async def _entered(self) -> PartWriter:
        writer = self.opened(self._number, offset=self._offset, size=None)
        try:
            return await writer.__aenter__()
        except UploadBusy:  # some stores begin a part only once the one before is durable
            if self._behind is None:
                raise
            await self._caught_up()
            return await writer.__aenter__()

    async def _flush(self) -> None:
        if not self._held_back:
            await self._turn()

    async def _turn(self) -> None:
        if self._open is None:
            return
        await self._caught_up()
        writer, self._open = self._open, None
        self._behind = asyncio.create_task(self._commit(writer))
        self._number += 1
        self._offset += self._size
        self._size = 0

    async def _commit(self, writer: PartWriter) -> None:
        with self._session.working():
            try:
                part = await writer.commit()
            finally:
                await writer.__aexit__(None, None, None)
            await self._moved(self._position.after(part))
