"""Parts of which nobody says where they begin, as S3 clients send them.

Real clients make all parts but the last of one size, so the first part's size says where each
begins. On a store that writes parts in place this saves a second copy of every byte.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import accumulate
from typing import Protocol, runtime_checkable

from mediakiln.model.errors import InvalidPart, NotFound, UploadBusy
from mediakiln.model.keys import Bucket
from mediakiln.model.upload import Upload
from mediakiln.ports.multipart import (
    Multipart,
    Part,
    PartWriter,
    PresignedParts,
    ReadableParts,
)
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.joined import JoinedParts
from mediakiln.stages.uploads.s3.sent import SentPart

_INPUT = Bucket.INPUT


class Placing(Protocol):
    """Takes the parts of uploads, and makes objects of them."""

    async def begin(self, key: str) -> str:
        """Open an upload for an object; returns its token."""
        ...

    async def write(
        self, upload: Upload, number: int, size: int, body: AsyncIterator[bytes]
    ) -> tuple[Part, bool]:
        """Take one part, and say whether it is kept aside.

        Raises:
            InvalidPart, NotFound, StorageFull: the part is not kept.
        """
        ...

    async def complete(self, upload: Upload, parts: Sequence[SentPart]) -> None:
        """Make the object of these parts, in this order.

        Raises:
            InvalidPart: one is missing, was replaced, or is too small.
            NotFound: the upload is over.
        """
        ...

    async def abort(self, upload: Upload) -> None:
        """Throw the parts away. Again is no error."""
        ...


@runtime_checkable
class InPlace(Multipart, ReadableParts, Protocol):
    """A store that writes parts in place, and reads them."""


def placing(store: ObjectStore, book: UploadBook) -> Placing:
    """How a store takes parts: its own, if they need no places; in place; or joined at the end."""
    if isinstance(store, Multipart) and isinstance(store, PresignedParts):
        return PlainParts(store)
    if isinstance(store, InPlace):
        return PlacedParts(store, store, book)
    return PlainParts(JoinedParts(store))


class PlainParts:
    """Parts that need no places."""

    def __init__(self, parts: Multipart) -> None:
        self._parts = parts

    async def begin(self, key: str) -> str:
        """See `Placing`."""
        return await self._parts.begin(_INPUT, key)

    async def write(
        self, upload: Upload, number: int, size: int, body: AsyncIterator[bytes]
    ) -> tuple[Part, bool]:
        """See `Placing`."""
        async with self._parts.part_writer(
            _INPUT, upload.key, upload.token or "", number, offset=0, size=size
        ) as writer:
            return await _written(writer, body), False

    async def complete(self, upload: Upload, parts: Sequence[SentPart]) -> None:
        """See `Placing`."""
        wanted = [each.part for each in parts]
        await self._parts.complete(_INPUT, upload.key, upload.token or "", wanted)

    async def abort(self, upload: Upload) -> None:
        """See `Placing`."""
        await self._parts.abort(_INPUT, upload.key, upload.token or "")


class PlacedParts:
    """Parts written at the places that the size of part 1 gives them.

    Kept aside, as objects of their own, are parts that come before part 1 or are longer than it,
    and those whose place somebody else is writing to. When the upload completes they are
    moved to their places. Only if the parts are of sizes that no common tool sends (one in the
    middle that is shorter) are all of them read and written once more.
    """

    def __init__(self, store: ObjectStore, parts: InPlace, book: UploadBook) -> None:
        self._store = store
        self._own = parts
        self._aside = JoinedParts(store)
        self._book = book

    async def begin(self, key: str) -> str:
        """See `Placing`."""
        own = await self._own.begin(_INPUT, key)
        return f"{own}:{await self._aside.begin(_INPUT, key)}"

    async def write(
        self, upload: Upload, number: int, size: int, body: AsyncIterator[bytes]
    ) -> tuple[Part, bool]:
        """See `Placing`."""
        step = await self._step(upload, number, size)
        async with AsyncExitStack() as stack:
            writer = None
            if step is not None and size <= step:
                writer = await self._at(stack, upload, number, (number - 1) * step, size)
            aside = writer is None
            if writer is None:
                token = _tokens(upload)[1]
                writer = await stack.enter_async_context(
                    self._aside.part_writer(_INPUT, upload.key, token, number, offset=0, size=size)
                )
            return await _written(writer, body), aside

    async def complete(self, upload: Upload, parts: Sequence[SentPart]) -> None:
        """See `Placing`."""
        own, aside = _tokens(upload)
        if not await self._in_place(upload, parts):
            await self._join(upload, parts)
            await self._own.abort(_INPUT, upload.key, own)
        await self._aside.abort(_INPUT, upload.key, aside)

    async def abort(self, upload: Upload) -> None:
        """See `Placing`."""
        own, aside = _tokens(upload)
        await self._own.abort(_INPUT, upload.key, own)
        await self._aside.abort(_INPUT, upload.key, aside)

    async def _step(self, upload: Upload, number: int, size: int) -> int | None:
        """How far parts lie apart; None while part 1 has not been seen."""
        if upload.part_size is None and number == 1:

            def set_once(latest: Upload) -> Upload | None:
                if latest.part_size is not None:
                    return None
                return latest.model_copy(update={"part_size": size})

            upload = await self._book.change(upload.project, upload.id, set_once)
        return upload.part_size

    async def _at(
        self, stack: AsyncExitStack, upload: Upload, number: int, offset: int, size: int
    ) -> PartWriter | None:
        """The writer of a part at its place; None if it cannot be written there now."""
        own, _ = _tokens(upload)
        try:
            return await stack.enter_async_context(
                self._own.part_writer(_INPUT, upload.key, own, number, offset=offset, size=size)
            )
        except (InvalidPart, UploadBusy):
            return None

    async def _in_place(self, upload: Upload, parts: Sequence[SentPart]) -> bool:
        """Make the object of parts that are at their places, or can be moved there."""
        own, _ = _tokens(upload)
        step = upload.part_size or 0
        offsets = [0, *accumulate(each.size for each in parts)]
        found: list[Part] = []
        for each, offset in zip(parts, offsets, strict=False):
            if not each.aside and offset != (each.number - 1) * step:
                return False
        for each, offset in zip(parts, offsets, strict=False):
            part = each.part
            if each.aside:
                async with AsyncExitStack() as stack:
                    writer = await self._at(stack, upload, each.number, offset, each.size)
                    if writer is None:
                        return False
                    part = await _written(writer, self._bytes(upload, each))
            found.append(part)
        await self._own.complete(_INPUT, upload.key, own, found)
        return True

    async def _join(self, upload: Upload, parts: Sequence[SentPart]) -> None:
        self._own.part_rules.check_all([each.part for each in parts])
        async with self._store.writer(_INPUT, upload.key) as writer:
            for each in parts:
                async for chunk in self._bytes(upload, each):
                    await writer.write(chunk)
            await writer.commit()

    async def _bytes(self, upload: Upload, sent: SentPart) -> AsyncIterator[bytes]:
        """A part's bytes. Ends only if it is the one that was sent."""
        own, aside = _tokens(upload)
        parts: ReadableParts = self._aside if sent.aside else self._own
        token = aside if sent.aside else own
        async for chunk in parts.read_part(_INPUT, upload.key, token, sent.part):
            yield chunk


async def _written(writer: PartWriter, body: AsyncIterator[bytes]) -> Part:
    async for chunk in body:
        await writer.write(chunk)
    return await writer.commit()


def _tokens(upload: Upload) -> tuple[str, str]:
    """The store's own, and that of the parts aside."""
    own, _, aside = (upload.token or "").partition(":")
    if not own or not aside:
        raise NotFound("there is no such upload")
    return own, aside
