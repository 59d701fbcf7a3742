"""From a request's bytes to durable parts, and to the offset that stands for them."""

from typing import Protocol

from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.parts import Parts
from mediakiln.stages.uploads.tus.gathered import Gathered
from mediakiln.stages.uploads.tus.session import Session
from mediakiln.stages.uploads.tus.state import TusLimits
from mediakiln.stages.uploads.tus.streamed import Streamed


class TusWriter(Protocol):
    """Takes a request's bytes."""

    async def add(self, chunk: bytes) -> None:
        """Append bytes, which may move the offset.

        Raises:
            UploadBusy, NotFound, UploadExpired: the session lost the upload.
            StorageFull, InvalidPart: the store cannot take them.
        """
        ...

    async def pause(self) -> None:
        """Nothing comes for a while: make durable what is worth it."""
        ...

    async def settle(self) -> None:
        """Make all bytes that came durable, and move the offset there."""
        ...

    async def discard(self) -> None:
        """Throw away what the offset does not stand for."""
        ...


def writer_of(
    parts: Parts, store: ObjectStore, session: Session, limits: TusLimits, *, held_back: bool
) -> TusWriter:
    """The writer that suits the store.

    Args:
        parts: where parts go.
        store: where tails go.
        session: holds the upload.
        limits: when to flush.
        held_back: the offset moves by `settle` alone, since the bytes may turn out wrong.
    """
    if parts.part_rules.open_ended:
        return Streamed(parts, session, limits, held_back=held_back)
    return Gathered(parts, store, session, limits, held_back=held_back)
