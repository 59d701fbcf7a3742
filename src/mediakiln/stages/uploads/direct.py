"""Uploads that clients send straight to the bucket, by requests that are signed here.

The book keeps what was said of the file. Its record is made when the store tells of the object,
when the client says that it is done, or when `reconcile` finds the object: whichever is first.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mediakiln.model.asset import Asset
from mediakiln.model.errors import (
    InvalidRequest,
    NotSupported,
    ObjectMissing,
    TooLarge,
    UploadExpired,
)
from mediakiln.model.ids import is_id, new_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.names import clean_name
from mediakiln.model.upload import Offer, Upload
from mediakiln.ports.direct import DirectUploads, SignedForm, SignedForms, SignedPut
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.adoption import PROTOCOL, Adoption
from mediakiln.stages.uploads.book import UploadBook, no_upload

LATE: Final = timedelta(days=2)
"""How long an upload is remembered beyond the end of its signed requests: one that began in time
may take long."""
_UNTYPED: Final = "application/octet-stream"

Admit = Callable[[int], Awaitable[None]]
"""`Receive.admit`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a client needs to send its file: one of the two requests, before `until`.

    There is a form where the store takes forms.
    """

    upload: Upload
    put: SignedPut
    form: SignedForm | None
    until: datetime


class Direct:
    """Opens and completes uploads to the store itself."""

    def __init__(
        self,
        store: ObjectStore,
        book: UploadBook,
        admit: Admit,
        adoption: Adoption,
        *,
        life: timedelta,
    ) -> None:
        self._store = store
        self._book = book
        self._admit = admit
        self._adoption = adoption
        self._life = life

    async def open(self, offer: Offer, *, by: str) -> Opened:
        """Sign the requests for one file.

        Raises:
            NotSupported: the store takes nothing from clients.
            InvalidRequest: the size was not said.
            InvalidName, TooLarge, StorageFull, Overloaded: the file would be refused.
        """
        store = self._store
        if not isinstance(store, DirectUploads):
            raise NotSupported(
                "this store takes no files straight from clients",
                hint="send them to POST /v1/assets, /v1/uploads or /v1/tus",
            )
        size = _checked_size(offer.size, store.max_put_bytes)
        clean_name(offer.name)
        await self._admit(size)
        upload = self._upload(offer, by=by)
        media_type = offer.declared_type or _UNTYPED
        life_s = self._life.total_seconds()
        put = await store.sign_put(
            Bucket.INPUT, upload.key, size=size, media_type=media_type, expires_s=life_s
        )
        form: SignedForm | None = None
        if isinstance(store, SignedForms):
            form = await store.sign_form(
                Bucket.INPUT, upload.key, size=size, media_type=media_type, expires_s=life_s
            )
        await self._book.open(upload)
        return Opened(upload, put, form, upload.created_at + self._life)

    async def complete(self, project: str, id: str) -> Asset:
        """The asset of an upload whose file was sent; again, it is the same.

        Raises:
            NotFound: there is no such upload.
            UploadExpired: its time is over.
            ObjectMissing: the file is not in the bucket.
        """
        upload = await self._book.find(project, id) if is_id(id) else None
        if upload is None or upload.protocol != PROTOCOL:
            raise no_upload(id)
        try:
            return await self._adoption.complete(upload)
        except ObjectMissing:
            if upload.expires_at <= self._book.clock():
                raise UploadExpired from None
            raise

    async def clean(self, upload: Upload) -> None:
        """Take in what came after all; the record of an upload that never came is all there is."""
        with suppress(ObjectMissing):
            await self._adoption.complete(upload)

    async def resume(self, upload: Upload) -> None:
        """As `clean`: there is one step only."""
        await self.clean(upload)

    def _upload(self, offer: Offer, *, by: str) -> Upload:
        now, id = self._book.clock(), new_id()
        return Upload.of(
            offer,
            id=id,
            protocol=PROTOCOL,
            key=input_key(offer.project, id, now),
            by=by,
            created_at=now,
            expires_at=now + self._life + LATE,
        )


def _checked_size(size: int | None, most: int) -> int:
    if size is None or size < 1:
        raise InvalidRequest("size is the file's number of bytes", field="size", limit=1)
    if size > most:
        raise TooLarge(
            f"one request to the store brings at most {most} bytes",
            limit=most,
            value=size,
            hint="use POST /v1/uploads, whose parts go straight to the store as well",
        )
    return size
