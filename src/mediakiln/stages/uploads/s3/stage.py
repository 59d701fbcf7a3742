"""Objects under chosen keys, whole or in parts. Each becomes an asset; the key is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from mediakiln.model.asset import Asset
from mediakiln.model.errors import (
    InvalidPart,
    NotFound,
    TooLarge,
    UploadExpired,
    VersionConflict,
)
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.names import clean_name
from mediakiln.model.upload import Offer, Upload, UploadState
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.multipart import Part
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.finish import REFUSALS, Entry, Finish
from mediakiln.stages.uploads.joined import JoinedParts
from mediakiln.stages.uploads.parts import Parts
from mediakiln.stages.uploads.s3.hashing import Hashed, of_parts
from mediakiln.stages.uploads.s3.keys import Keyed, KeyIndex, check_key

PROTOCOL: Final = "s3"
MAX_PUT_BYTES = 5 * 1024**3
"""Of an object that is sent whole: S3's own limit."""
_PARTS = "s3-parts"
_KEY = "key"
_ETAG = "etag"


class SentPart(BaseModel):
    """A part as its client knows it, and as the store does."""

    model_config = ConfigDict(frozen=True)

    number: int
    size: int
    md5: str
    etag: str


@dataclass(frozen=True, slots=True)
class Named:
    """A part as the client names it at the end: its ETag is the MD5 of its bytes."""

    number: int
    md5: str


class S3Uploads:
    """Takes objects in. Parts need no offsets here: S3 clients do not say them.

    A store that writes parts in place would need them, so only a store that speaks S3 itself
    makes objects of its own parts; elsewhere they are joined at completion, which costs their
    bytes once more.
    """

    def __init__(
        self,
        book: UploadBook,
        entry: Entry,
        store: ObjectStore,
        catalog: Catalog,
        *,
        expiry: timedelta,
        max_bytes: int,
    ) -> None:
        own = Parts(store)
        self._parts = own if own.presigned else JoinedParts(store)
        self._book = book
        self._entry = entry
        self._store = store
        self._sent = catalog.records(_PARTS)
        self._finish = Finish(book, entry, store, catalog)
        self._expiry = expiry
        self._max_bytes = max_bytes
        self.index = KeyIndex(catalog)

    async def put(self, offer: Offer, key: str, body: Hashed) -> tuple[Asset, Keyed]:
        """Take an object whole; the asset, and what is behind the key now.

        Raises:
            TooLarge, StorageFull, Overloaded, ChecksumMismatch, IncompleteUpload, EmptyFile,
            UnsupportedMedia, InvalidName: nothing is kept.
        """
        check_key(key)
        clean_name(offer.name)
        limit = min(MAX_PUT_BYTES, self._max_bytes)
        _hold(offer.size or 0, limit)
        await self._entry.admit(offer.size or 0)
        id = new_id()
        place = input_key(offer.project, id, self._book.clock())
        async with self._store.writer(Bucket.INPUT, place) as writer:
            async for chunk in body:
                _hold(body.count, limit)
                await writer.write(chunk)
            await writer.commit()
        # Not `offer.size`: what `Receive` would compare is compared above, with the digests.
        offer = replace(offer, size=body.count)
        try:
            asset = await self._entry.enter(id, offer, place)
        except REFUSALS:
            await self._store.delete(Bucket.INPUT, [place])
            raise
        return asset, await self._remember(offer.project, key, asset, body.md5)

    async def begin(self, offer: Offer, key: str, *, by: str) -> Upload:
        """Open an upload of parts.

        Raises:
            InvalidName, StorageFull, Overloaded: it would not be taken.
        """
        check_key(key)
        name = clean_name(offer.name)
        await self._entry.admit(0)
        now, id = self._book.clock(), new_id()
        place = input_key(offer.project, id, now)
        return await self._book.open(
            Upload.of(
                replace(offer, name=name),
                id=id,
                protocol=PROTOCOL,
                key=place,
                token=await self._parts.begin(Bucket.INPUT, place),
                by=by,
                created_at=now,
                expires_at=now + self._expiry,
                extra={_KEY: key},
            )
        )

    async def get(self, project: str, key: str, id: str) -> Upload:
        """The upload of that id for that key.

        Raises:
            NotFound: there is none, or it has expired.
        """
        try:
            upload = await self._book.get(project, id)
        except UploadExpired as error:
            raise NotFound(str(error)) from None
        if upload.protocol != PROTOCOL or upload.extra.get(_KEY) != key:
            raise NotFound(f"there is no upload {id[:64]!r} for this key")
        return upload

    async def part(self, upload: Upload, number: int, size: int, body: Hashed) -> SentPart:
        """Take one part; it takes the place of an older one of its number.

        Raises:
            InvalidPart: no object can have such a part.
            StorageFull, ChecksumMismatch, IncompleteUpload, NotFound: the part is not kept.
        """
        await self._entry.check_room(size)
        async with self._parts.part_writer(
            Bucket.INPUT, upload.key, upload.token or "", number, offset=0, size=size
        ) as writer:
            async for chunk in body:
                await writer.write(chunk)
            part = await writer.commit()
        sent = SentPart(number=number, size=part.size, md5=body.md5, etag=part.etag)
        await self._note(upload, sent)
        return sent

    async def sent(self, upload: Upload) -> Sequence[SentPart]:
        """The parts that are there, by number."""
        found: list[SentPart] = []
        cursor: str | None = None
        while True:
            records, cursor = await self._sent.list(f"{upload.id}/", limit=1000, cursor=cursor)
            found += [SentPart.model_validate(record.value) for record in records]
            if cursor is None:
                return found

    async def complete(self, upload: Upload, named: Sequence[Named]) -> tuple[Asset, Keyed]:
        """Make the asset of these parts, in this order. Again, it answers the same.

        Raises:
            InvalidPart: a part is missing, another than named, or too small.
            TooLarge, EmptyFile, UnsupportedMedia: the file is refused; nothing is kept.
        """
        key = str(upload.extra[_KEY])
        if upload.state is UploadState.DONE:
            asset = await self._finish.outcome(upload)
            return asset, await self._remember(
                upload.project, key, asset, str(upload.extra.get(_ETAG))
            )
        parts, etag = _chosen(await self.sent(upload), named)
        _hold(sum(part.size for part in parts), self._max_bytes)
        upload = await self._book.change(
            upload.project,
            upload.id,
            lambda latest: latest.model_copy(update={"extra": {**latest.extra, _ETAG: etag}}),
        )
        if not await self._finish.exists(upload):
            await self._finish.begin(upload)
            try:
                await self._parts.complete(Bucket.INPUT, upload.key, upload.token or "", parts)
            except InvalidPart:
                await self._finish.reopen(upload)
                raise
        asset, _ = await self._finish(upload)
        return asset, await self._remember(upload.project, key, asset, etag)

    async def abort(self, upload: Upload) -> None:
        """Throw the parts away, and the record."""
        await self.clean(upload)
        await self._book.forget(upload.project, upload.id)

    async def clean(self, upload: Upload) -> None:
        """Free what an upload holds: its parts, and an object that became no asset."""
        await self._parts.abort(Bucket.INPUT, upload.key, upload.token or "")
        await self._finish.discard(upload)
        for part in await self.sent(upload):
            await self._sent.delete(_part_key(upload, part.number))

    async def _note(self, upload: Upload, sent: SentPart) -> None:
        place = _part_key(upload, sent.number)
        while True:
            found = await self._sent.get(place)
            try:
                await self._sent.put(
                    place,
                    sent.model_dump(mode="json"),
                    expected=None if found is None else found.version,
                )
            except VersionConflict:
                continue  # the same part came twice at once: the last one counts
            return

    async def _remember(self, project: str, key: str, asset: Asset, etag: str) -> Keyed:
        entry = Keyed(
            key=key, asset=asset.id, size=asset.bytes, etag=etag, modified=asset.created_at
        )
        await self.index.put(project, entry)
        return entry


def _chosen(sent: Sequence[SentPart], named: Sequence[Named]) -> tuple[list[Part], str]:
    """The store's parts that a client names, and the ETag of the object they make."""
    there: dict[int, Any] = {part.number: part for part in sent}
    parts: list[Part] = []
    for each in named:
        found = there.get(each.number)
        if found is None or found.md5 != each.md5:
            raise InvalidPart(
                f"part {each.number} is not there, or has another ETag", part=each.number
            )
        parts.append(Part(number=found.number, size=found.size, etag=found.etag))
    return parts, of_parts([each.md5 for each in named])


def _hold(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"the file is larger than {limit} bytes", limit=limit, value=size)


def _part_key(upload: Upload, number: int) -> str:
    return f"{upload.id}/{number:05}"
