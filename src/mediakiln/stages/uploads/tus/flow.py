"""What both writers of parts share: at most one part is on its way behind the one being filled.

The bytes of one part are made durable while those of the next arrive. The offset moves only by
what is durable, in order; a part that is durable and not in the record counts for nothing, and
the next one of its number takes its place.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from mediakiln.model.errors import InvalidPart, MediakilnError
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Part, PartWriter
from mediakiln.stages.uploads.parts import Parts
from mediakiln.stages.uploads.tus.session import Session
from mediakiln.stages.uploads.tus.state import Position, TusLimits, chained

_GROWTH: Final = 1000
"""Parts by which an upload of unknown size grows before they are larger."""


class Flow:
    """What both kinds share: at most one part is on its way behind the one that is filled."""

    def __init__(
        self, parts: Parts, session: Session, limits: TusLimits, *, held_back: bool
    ) -> None:
        self._parts = parts
        self._session = session
        self._limits = limits
        self._held_back = held_back
        self._position = session.position
        self._behind: asyncio.Task[None] | None = None
        self._since = time.monotonic()

    def opened(self, number: int, *, offset: int, size: int | None) -> PartWriter:
        """A writer of one of the upload's parts."""
        upload = self._session.upload
        return self._parts.part_writer(
            Bucket.INPUT, upload.key, upload.token or "", number, offset=offset, size=size
        )

    def _due(self) -> bool:
        return time.monotonic() - self._since >= self._limits.flush_s

    async def _caught_up(self) -> None:
        behind, self._behind = self._behind, None
        if behind is not None:
            with self._session.working():
                await behind

    async def _moved(self, position: Position) -> None:
        self._position = position
        if not self._held_back:
            await self._session.advance(position)

    async def _abandoned(self) -> None:
        behind, self._behind = self._behind, None
        if behind is not None:
            with suppress(MediakilnError):
                await behind


def flush_size(session: Session, parts: int) -> int:
    """The fewest bytes a part may have, if the file is not to need more than `parts`."""
    if session.size is None:
        return max(1, session.position.offset // _GROWTH)
    return max(1, -(-session.size // parts))


def acknowledged(there: Sequence[Part], position: Position) -> list[Part]:
    """The parts that a position stands for, of all that are durable.

    Raises:
        InvalidPart: they are not those that were written.
    """
    found = [part for part in there if part.number <= position.parts]
    chain = ""
    for part in found:
        chain = chained(chain, part)
    if chain != position.chain:
        raise InvalidPart("a part was replaced or is missing")
    return found
