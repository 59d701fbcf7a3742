"""The last steps of every upload that comes in several requests, safe to take again."""

from datetime import datetime
from typing import Final, Protocol

from mediakiln.model.asset import Asset
from mediakiln.model.errors import (
    EmptyFile,
    InvalidName,
    MediakilnError,
    NotFound,
    ObjectMissing,
    TooLarge,
    UnsupportedMedia,
)
from mediakiln.model.keys import Bucket
from mediakiln.model.upload import Offer, Upload, UploadState
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.book import KEPT, UploadBook

REFUSALS: Final = (EmptyFile, InvalidName, TooLarge, UnsupportedMedia)
"""What a complete file can be refused for."""

_BY_CODE: Final = {kind.code: kind for kind in REFUSALS}
_REFUSED: Final = "refused"
_SINCE: Final = "completing_since"


class Entry(Protocol):
    """Where every way in ends: `mediakiln.stages.receive.Receive`."""

    async def admit(self, size: int) -> None:
        """Whether an upload of `size` bytes may begin now."""
        ...

    async def check_room(self, size: int) -> None:
        """Whether `size` more bytes fit."""
        ...

    async def enter(self, id: str, offer: Offer, key: str, *, checksum: str | None = None) -> Asset:
        """Make the record of an object that is complete in the input bucket."""
        ...


class Finish:
    """Makes an upload whose object is complete an asset, or refuses it.

    Each step leaves a record from which the next call goes on, by whatever replica. An upload
    that is over keeps its record for `KEPT`, so that who asks again hears the same.
    """

    def __init__(
        self, book: UploadBook, entry: Entry, store: ObjectStore, catalog: Catalog
    ) -> None:
        self._book = book
        self._entry = entry
        self._store = store
        self._catalog = catalog

    async def begin(self, upload: Upload) -> Upload:
        """Note that its object is about to be made; one that is over stays as it is."""

        def mark(latest: Upload) -> Upload | None:
            if latest.state is not UploadState.OPEN:
                return None
            now = self._book.clock()
            return latest.model_copy(
                update={
                    "state": UploadState.COMPLETING,
                    "expires_at": max(latest.expires_at, now + KEPT),
                    "extra": {**latest.extra, _SINCE: now.isoformat()},
                }
            )

        return await self._book.change(upload.project, upload.id, mark)

    async def reopen(self, upload: Upload) -> None:
        """Take `begin` back: the object could not be made as it was asked for."""

        def mark(latest: Upload) -> Upload | None:
            if latest.state is not UploadState.COMPLETING:
                return None
            return latest.model_copy(update={"state": UploadState.OPEN})

        await self._book.change(upload.project, upload.id, mark)

    async def exists(self, upload: Upload) -> bool:
        """Whether its object is complete, or all is over."""
        if upload.state is UploadState.DONE:
            return True
        return await self._store.head(Bucket.INPUT, upload.key) is not None

    async def __call__(self, upload: Upload, *, checksum: str | None = None) -> tuple[Asset, bool]:
        """Make the asset.

        Returns:
            The asset, and whether this call ended the upload; again, it is False.

        Raises:
            EmptyFile, InvalidName, TooLarge, UnsupportedMedia: the file is refused, now or
                before; its object is deleted.
            ObjectMissing: there is no object.
        """
        if upload.state is UploadState.DONE:
            return await self.outcome(upload), False
        try:
            asset = await self._entry.enter(upload.id, upload.offer, upload.key, checksum=checksum)
        except REFUSALS as error:
            await self._end(upload, error)
            await self._store.delete(Bucket.INPUT, [upload.key])
            raise
        except ObjectMissing:
            latest = await self._book.get(upload.project, upload.id)
            if latest.state is not UploadState.DONE:
                raise
            return await self.outcome(latest), False
        return asset, await self._end(upload)

    async def outcome(self, upload: Upload) -> Asset:
        """The asset of an upload that is over.

        Raises:
            EmptyFile, InvalidName, TooLarge, UnsupportedMedia: the refusal, again.
            NotFound: the asset is not there.
        """
        if refused := upload.extra.get(_REFUSED):
            await self._store.delete(Bucket.INPUT, [upload.key])
            raise _BY_CODE[refused["code"]](refused["message"], **refused["context"])
        asset = await self._catalog.get(upload.id)
        if asset is None:
            raise NotFound(f"there is no asset {upload.id}")
        return asset

    async def discard(self, upload: Upload) -> None:
        """Delete an object that did not become an asset."""
        if await self._catalog.get(upload.id) is None:
            await self._store.delete(Bucket.INPUT, [upload.key])

    async def _end(self, upload: Upload, refusal: MediakilnError | None = None) -> bool:
        """Write what became of it; whether it was not written before."""
        wrote = False

        def mark(latest: Upload) -> Upload | None:
            nonlocal wrote
            wrote = latest.state is not UploadState.DONE
            if not wrote:
                return None
            told = {} if refusal is None else {_REFUSED: _described(refusal)}
            return latest.model_copy(
                update={
                    "state": UploadState.DONE,
                    "expires_at": self._book.clock() + KEPT,
                    "extra": {**latest.extra, **told},
                }
            )

        await self._book.change(upload.project, upload.id, mark)
        return wrote


def completing_since(upload: Upload) -> datetime | None:
    """When the upload's object was about to be made, if it was."""
    since = upload.extra.get(_SINCE)
    return datetime.fromisoformat(since) if since else None


def _described(error: MediakilnError) -> dict[str, object]:
    plain = {
        name: value
        for name, value in error.context.items()
        if isinstance(value, str | int | float | bool | None)
    }
    return {"code": error.code, "message": error.message, "context": plain}
