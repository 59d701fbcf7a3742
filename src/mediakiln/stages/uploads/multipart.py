"""Uploads of files of a known size, in numbered parts: any order, in parallel, again.

The store's own parts are the only state beside the upload's record, so any replica goes on with
any upload, and a crash leaves nothing that the next request could not use.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mediakiln.model.asset import Asset
from mediakiln.model.errors import Conflict, InvalidPart, NotFound, NotSupported
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.names import clean_name
from mediakiln.model.upload import Offer, Upload, UploadState
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.multipart import Part
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.book import UploadBook, lives_until
from mediakiln.stages.uploads.claims import Claim, Digests, checked
from mediakiln.stages.uploads.content import Content, wrong_size
from mediakiln.stages.uploads.finish import Entry, Finish
from mediakiln.stages.uploads.parts import Parts
from mediakiln.stages.uploads.plan import Plan, planned

PROTOCOL: Final = "multipart"
PRESIGNED_S = 3600.0
"""How long an address for a part lives, at most."""


@dataclass(frozen=True, slots=True)
class PartAddress:
    """Where a client sends a part straight to the store."""

    number: int
    url: str
    size: int
    expires_at: datetime


class MultipartUploads:
    """Opens uploads, takes their parts, and makes assets of them.

    Files are at most `max_bytes` large. An upload lives for `expiry` after the last sign of life.
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
        self.book = book
        self.parts = Parts(store)
        self._entry = entry
        self._digests = Digests(catalog)
        self._finish = Finish(book, entry, store, catalog)
        self._expiry = expiry
        self._max_bytes = max_bytes

    async def open(self, offer: Offer, *, part_size: int | None = None, by: str) -> Upload:
        """Begin an upload of `offer.size` bytes, which principal `by` asks for.

        Raises:
            InvalidRequest: the size is not known, or such parts are not possible.
            InvalidName, EmptyFile, TooLarge, StorageFull, Overloaded: it would not be taken.
        """
        name = clean_name(offer.name)
        plan = planned(
            offer.size or 0, self.parts.part_rules, max_bytes=self._max_bytes, asked=part_size
        )
        await self._entry.admit(plan.size)
        now, id = self.book.clock(), new_id()
        key = input_key(offer.project, id, now)
        return await self.book.open(
            Upload.of(
                replace(offer, name=name, size=plan.size),
                id=id,
                protocol=PROTOCOL,
                key=key,
                token=await self.parts.begin(Bucket.INPUT, key),
                part_size=plan.part_size,
                by=by,
                created_at=now,
                expires_at=now + self._expiry,
            )
        )

    async def get(self, project: str, id: str) -> Upload:
        """The upload.

        Raises:
            NotFound, UploadExpired: as `UploadBook.get`.
        """
        upload = await self.book.get(project, id)
        if upload.protocol != PROTOCOL:
            raise NotFound(f"there is no multipart upload {id!r}")
        return upload

    async def put(self, project: str, id: str, number: int, content: Content) -> Part:
        """Store a part; it takes the place of an older one of its number.

        Raises:
            InvalidPart: it has another size or digest than it must have, or no place in the file.
            Conflict: the upload is over.
            UploadBusy: another writer is at the same part.
            StorageFull, IncompleteUpload, NotFound, UploadExpired: the part is not kept.
        """
        upload = await self._open(project, id)
        offset, size = plan_of(upload).place(number)
        if content.size is not None and content.size != size:
            raise wrong_size(number, content.size, size)
        await self._entry.check_room(size)
        async with self.parts.part_writer(
            Bucket.INPUT, upload.key, _token(upload), number, offset=offset, size=size
        ) as writer:
            async for chunk in content.checked(number, size):
                await writer.write(chunk)
            part = await writer.commit()
        if "sha256" in content.digests:
            await self._digests.note(upload, part, content.digests["sha256"])
        await self._live_on(upload)
        return part

    async def listed(self, upload: Upload) -> Sequence[Part]:
        """The parts that are there; none any more once the upload is over."""
        if upload.state is UploadState.DONE:
            return ()
        try:
            return await self.parts.parts(Bucket.INPUT, upload.key, _token(upload))
        except NotFound:
            if await self._finish.exists(upload):
                return ()
            raise

    def insist_on_addresses(self) -> None:
        """Whether clients can send parts straight to the store.

        Raises:
            NotSupported: they cannot.
        """
        if not self.parts.presigned:
            raise NotSupported(
                "this store takes no parts straight from clients",
                hint="PUT /v1/uploads/{id}/parts/{n}",
            )

    async def address(self, project: str, id: str, number: int) -> PartAddress:
        """An address to PUT a part to, straight to the store.

        Raises:
            NotSupported: the store takes no parts from others.
            InvalidPart, Conflict, NotFound, UploadExpired: as `put`.
        """
        self.insist_on_addresses()
        upload = await self._open(project, id)
        size = plan_of(upload).place(number)[1]
        now = self.book.clock()
        lives = min(PRESIGNED_S, (upload.expires_at - now).total_seconds())
        url = await self.parts.presign_part(
            Bucket.INPUT, upload.key, _token(upload), number, expires_s=lives
        )
        await self._live_on(upload)
        return PartAddress(number, url, size, now + timedelta(seconds=lives))

    async def complete(
        self, project: str, id: str, claims: Sequence[Claim] | None = None
    ) -> tuple[Asset, bool]:
        """Make the asset of an upload whose parts are all there.

        May be called again after whatever happened, by any replica: it goes on where it was.

        Args:
            project: the upload's.
            id: the upload's.
            claims: what the client says of each part; None accepts the parts that are there.

        Returns:
            The asset, and whether this call ended the upload.

        Raises:
            InvalidPart: a part is missing, or not as claimed; the upload stays open.
            EmptyFile, InvalidName, TooLarge, UnsupportedMedia: the file is refused, and deleted.
            NotFound, UploadExpired: there is no such upload, or it was aborted.
        """
        upload = await self.get(project, id)
        if upload.state is UploadState.OPEN or not await self._finish.exists(upload):
            await self._join(upload, claims)
        upload = await self.get(project, id)
        outcome = await self._finish(upload)
        await self._digests.forget(upload)
        return outcome

    async def abort(self, project: str, id: str) -> None:
        """Give an upload up and free its space.

        Raises:
            Conflict: it is complete, or about to be.
            NotFound, UploadExpired: there is no such upload.
        """
        await self.get(project, id)

        def end(upload: Upload) -> Upload:
            _insist_open(upload)
            return upload.model_copy(update={"expires_at": self.book.clock()})

        upload = await self.book.change(project, id, end)
        await self.parts.abort(Bucket.INPUT, upload.key, _token(upload))
        await self._digests.forget(upload)
        await self.book.forget(project, id)

    async def clean(self, upload: Upload) -> None:
        """Free what an upload that is over holds; again is no error."""
        if upload.state is not UploadState.DONE:
            await self.parts.abort(Bucket.INPUT, upload.key, _token(upload))
        await self._finish.discard(upload)
        await self._digests.forget(upload)

    async def resume(self, upload: Upload) -> None:
        """Bring to its end what stopped in the middle of `complete`."""
        await self.complete(upload.project, upload.id)

    async def _open(self, project: str, id: str) -> Upload:
        upload = await self.get(project, id)
        _insist_open(upload)
        return upload

    async def _join(self, upload: Upload, claims: Sequence[Claim] | None) -> None:
        """Have the store make the object."""
        try:
            there = await self.parts.parts(Bucket.INPUT, upload.key, _token(upload))
            chosen = await checked(plan_of(upload), there, claims, self._digests.of(upload))
            await self._finish.begin(upload)
            await self.parts.complete(Bucket.INPUT, upload.key, _token(upload), chosen)
        except (InvalidPart, NotFound):
            # Somebody else was faster, perhaps.
            if await self._finish.exists(await self.get(upload.project, upload.id)):
                return
            await self._finish.reopen(upload)
            raise

    async def _live_on(self, upload: Upload) -> None:
        """A sign of life; written seldom, since parts come in parallel."""
        now = self.book.clock()
        later = lives_until(upload, now + self._expiry)
        if upload.expires_at - now > self._expiry / 2:
            return

        def extend(latest: Upload) -> Upload | None:
            if latest.expires_at >= later:
                return None
            return latest.model_copy(update={"expires_at": later})

        await self.book.change(upload.project, upload.id, extend)


def plan_of(upload: Upload) -> Plan:
    """The parts of a multipart upload."""
    return Plan(upload.size or 0, upload.part_size or 1)


def _token(upload: Upload) -> str:
    return upload.token or ""


def _insist_open(upload: Upload) -> None:
    if upload.state is not UploadState.OPEN:
        raise Conflict(
            "the upload is complete",
            state=upload.state,
            hint=f"its asset is /v1/assets/{upload.id}",
        )
