"""Objects under chosen keys, whole or in parts. Each becomes an asset; the key is remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from mediakiln.model.asset import Asset
from mediakiln.model.errors import (
    InvalidPart,
    NotFound,
    TooLarge,
    UploadExpired,
)
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.names import clean_name
from mediakiln.model.upload import Offer, Upload, UploadState
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.finish import REFUSALS, Entry, Finish
from mediakiln.stages.uploads.s3.checksums import Checksum, Chosen, Kind
from mediakiln.stages.uploads.s3.hashing import Hashed, of_parts
from mediakiln.stages.uploads.s3.keys import Keyed, KeyIndex, check_key
from mediakiln.stages.uploads.s3.placed import placing
from mediakiln.stages.uploads.s3.sent import CHOSEN, Named, SentPart, SentParts, checked, chosen

PROTOCOL: Final = "s3"
MAX_PUT_BYTES = 5 * 1024**3
"""Of an object that is sent whole: S3's own limit."""
_KEY: Final = "key"
_ETAG: Final = "etag"
_META: Final = "meta"
_CHECKSUM: Final = "checksum"


class S3Uploads:
    """Takes objects in. S3 clients do not say where parts begin: see `placed`."""

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
        self._parts = placing(store, book)
        self._book = book
        self._entry = entry
        self._store = store
        self._sent = SentParts(catalog)
        self._finish = Finish(book, entry, store, catalog)
        self._expiry = expiry
        self._max_bytes = max_bytes
        self.index = KeyIndex(catalog)

    async def put(
        self,
        offer: Offer,
        key: str,
        body: Hashed,
        *,
        algorithm: str | None = None,
        meta: Mapping[str, str] | None = None,
    ) -> tuple[Asset, Keyed]:
        """Take an object whole; the asset, and what is behind the key now.

        Args:
            offer: what is said of it.
            key: the client's.
            body: its bytes.
            algorithm: the checksum to remember, one that the body takes.
            meta: what the client wants to hear again.

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
        checksum = None
        if algorithm is not None:
            value = body.checksum(algorithm)
            checksum = Checksum(algorithm=algorithm, kind=Kind.FULL, value=value)
        return asset, await self.index.remember(key, asset, body.md5, checksum=checksum, meta=meta)

    async def begin(
        self,
        offer: Offer,
        key: str,
        *,
        by: str,
        checksum: Chosen | None = None,
        meta: Mapping[str, str] | None = None,
    ) -> Upload:
        """Open an upload of parts, whose object will have a checksum of that kind.

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
                token=await self._parts.begin(place),
                by=by,
                created_at=now,
                expires_at=now + self._expiry,
                extra={
                    _KEY: key,
                    _META: dict(meta or {}),
                    CHOSEN: None if checksum is None else checksum.model_dump(mode="json"),
                },
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

    async def open(self, project: str, prefix: str = "") -> Sequence[tuple[str, Upload]]:
        """Uploads that are not at their end, with their keys, which begin with `prefix`.

        In the order of the keys, and those of one key in the order in which they were opened.
        """
        now = self._book.clock()
        found = [
            (str(each.extra[_KEY]), each)
            async for each in self._book.all(project)
            if each.protocol == PROTOCOL
            and each.state is not UploadState.DONE
            and each.expires_at > now
        ]
        found = [each for each in found if each[0].startswith(prefix)]
        return sorted(found, key=lambda each: (each[0], each[1].id))

    async def part(
        self,
        upload: Upload,
        number: int,
        size: int,
        body: Hashed,
        *,
        algorithms: Sequence[str] = (),
    ) -> SentPart:
        """Take one part; it takes the place of an older one of its number.

        Args:
            upload: what it is a part of.
            number: its own, from 1.
            size: its bytes.
            body: they themselves.
            algorithms: the checksums to remember, of those that the body takes.

        Raises:
            InvalidPart: no object can have such a part.
            StorageFull, ChecksumMismatch, IncompleteUpload, NotFound: the part is not kept.
        """
        await self._entry.check_room(size)
        part, aside = await self._parts.write(upload, number, size, aiter(body))
        sent = SentPart(
            number=number,
            size=part.size,
            md5=body.md5,
            etag=part.etag,
            aside=aside,
            checksums={name: body.checksum(name) for name in algorithms},
        )
        await self._sent.note(upload, sent)
        return sent

    async def sent(self, upload: Upload) -> Sequence[SentPart]:
        """The parts that are there, by number."""
        return await self._sent.all(upload)

    async def complete(
        self, upload: Upload, named: Sequence[Named], *, expected: Checksum | None = None
    ) -> tuple[Asset, Keyed]:
        """Make the asset of these parts, in this order. Again, it answers the same.

        Raises:
            InvalidPart: a part is missing, another than named, or too small.
            ChecksumMismatch: the object would have another checksum than `expected`; the upload
                stays as it was.
            InvalidRequest: `expected` is of an algorithm that the parts came without.
            TooLarge, EmptyFile, UnsupportedMedia: the file is refused; nothing is kept.
        """
        if upload.state is UploadState.DONE:
            asset = await self._finish.outcome(upload)
            return asset, await self._remember_parts(upload, asset)
        parts = chosen(await self.sent(upload), named)
        _hold(sum(part.size for part in parts), self._max_bytes)
        found = checked(upload, parts, expected)
        known = {
            _ETAG: of_parts([part.md5 for part in parts]),
            _CHECKSUM: None if found is None else found.model_dump(mode="json"),
        }
        upload = await self._book.change(
            upload.project,
            upload.id,
            lambda latest: latest.model_copy(update={"extra": {**latest.extra, **known}}),
        )
        if not await self._finish.exists(upload):
            await self._make(upload, parts)
        asset, _ = await self._finish(upload)
        return asset, await self._remember_parts(upload, asset)

    async def _make(self, upload: Upload, parts: Sequence[SentPart]) -> None:
        """Have the store make the object."""
        await self._finish.begin(upload)
        try:
            await self._parts.complete(upload, parts)
        except (InvalidPart, NotFound):
            # Somebody else was faster, perhaps.
            if await self._finish.exists(upload):
                return
            await self._finish.reopen(upload)
            raise

    async def abort(self, upload: Upload) -> None:
        """Throw the parts away, and the record."""
        await self.clean(upload)
        await self._book.forget(upload.project, upload.id)

    async def clean(self, upload: Upload) -> None:
        """Free what an upload holds: its parts, and an object that became no asset."""
        await self._parts.abort(upload)
        await self._finish.discard(upload)
        await self._sent.forget(upload)

    async def _remember_parts(self, upload: Upload, asset: Asset) -> Keyed:
        extra = upload.extra
        found = extra.get(_CHECKSUM)
        return await self.index.remember(
            str(extra[_KEY]),
            asset,
            str(extra.get(_ETAG)),
            checksum=None if found is None else Checksum.model_validate(found),
            meta=extra.get(_META),
        )


def _hold(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"the file is larger than {limit} bytes", limit=limit, value=size)
