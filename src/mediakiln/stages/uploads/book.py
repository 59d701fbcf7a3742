"""The records of uploads in progress.

Every change is a compare-and-set, so that any replica can go on with any upload, and a lock
needs no process that lives.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import NotFound, UploadBusy, UploadExpired, VersionConflict
from mediakiln.model.ids import is_id, new_id
from mediakiln.model.upload import UPLOADS, Holder, Upload
from mediakiln.ports.catalog import Catalog, Record
from mediakiln.ports.multipart import FORGOTTEN_AFTER

KEPT: Final = timedelta(days=1)
"""How long a record outlives its upload's end, so that late requests hear what became of it."""

_TRIES: Final = 32
_PAUSE_S: Final = 0.005


def lives_until(upload: Upload, later: datetime) -> datetime:
    """When an upload that is worked on expires: `later`, but while its parts are kept."""
    return min(later, upload.created_at + FORGOTTEN_AFTER - KEPT)


class UploadBook:
    """Reads and writes the records. Keys are `{project}/{id}`."""

    def __init__(self, catalog: Catalog, *, clock: Clock = utc_now) -> None:
        self._records = catalog.records(UPLOADS)
        self.clock = clock

    async def open(self, upload: Upload) -> Upload:
        """Write a new record.

        Raises:
            VersionConflict: the id is taken.
        """
        await self._records.put(_key(upload.project, upload.id), _value(upload))
        return upload

    async def get(self, project: str, id: str) -> Upload:
        """The upload.

        Raises:
            NotFound: there is none of that id in the project.
            UploadExpired: its time is over.
        """
        return self._alive(await self._read(project, id))[1]

    async def find(self, project: str, id: str) -> Upload | None:
        """The upload, though its time may be over; None where the book has none."""
        record = await self._records.get(_key(project, id))
        return None if record is None else Upload.model_validate(record.value)

    async def change(
        self, project: str, id: str, apply: Callable[[Upload], Upload | None]
    ) -> Upload:
        """Apply a change to the latest form, again whenever somebody was faster.

        `apply` returns None to leave the record alone, and may raise.

        Raises:
            NotFound, UploadExpired: as `get`.
            VersionConflict: the record is written to without pause.
        """
        for attempt in range(_TRIES):
            version, upload = self._alive(await self._read(project, id))
            changed = apply(upload)
            if changed is None:
                return upload
            try:
                await self._records.put(_key(project, id), _value(changed), expected=version)
            except VersionConflict:
                await asyncio.sleep(random.random() * _PAUSE_S * attempt)  # noqa: S311 - jitter
                continue
            return changed
        raise VersionConflict(upload=id)

    async def hold(self, project: str, id: str, *, lease: timedelta) -> tuple[Upload, str]:
        """Become the only writer until `release`, or until the lease is over.

        Returns:
            The upload, and the owner's token for `renew` and `release`.

        Raises:
            UploadBusy: another writer holds it.
            NotFound, UploadExpired: as `get`.
        """
        owner = new_id()

        def take(upload: Upload) -> Upload:
            now = self.clock()
            if upload.holder is not None and upload.holder.expires_at > now:
                raise UploadBusy
            return upload.model_copy(update={"holder": Holder(owner=owner, expires_at=now + lease)})

        return await self.change(project, id, take), owner

    async def release(
        self,
        project: str,
        id: str,
        owner: str,
        apply: Callable[[Upload], Upload] = lambda upload: upload,
    ) -> Upload:
        """Stop being the writer, and write `apply`'s outcome in the same step.

        Raises:
            UploadBusy: the lease was over and somebody else took it; nothing is written.
        """

        def give_back(upload: Upload) -> Upload:
            if upload.holder is None or upload.holder.owner != owner:
                raise UploadBusy("the lease on the upload was over")
            return apply(upload).model_copy(update={"holder": None})

        return await self.change(project, id, give_back)

    async def note(self, upload: Upload, extra: Mapping[str, object]) -> None:
        """Add to the `extra` of an upload whose time may be over, if nobody writes meanwhile."""
        record = await self._records.get(_key(upload.project, upload.id))
        if record is None:
            return
        latest = Upload.model_validate(record.value)
        noted = latest.model_copy(update={"extra": {**latest.extra, **extra}})
        with suppress(VersionConflict):
            await self._records.put(record.key, _value(noted), expected=record.version)

    async def page(
        self, project: str, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Upload], str | None]:
        """Uploads of a project, in the order they were opened, and the next page's cursor."""
        records, following = await self._records.list(f"{project}/", limit=limit, cursor=cursor)
        return [Upload.model_validate(record.value) for record in records], following

    async def forget(self, project: str, id: str) -> None:
        """Delete the record."""
        await self._records.delete(_key(project, id))

    async def all(self, project: str | None = None) -> AsyncIterator[Upload]:
        """Every upload there is, expired ones as well, in key order."""
        cursor: str | None = None
        while True:
            records, cursor = await self._records.list(
                "" if project is None else f"{project}/", cursor=cursor
            )
            for record in records:
                yield Upload.model_validate(record.value)
            if cursor is None:
                return

    async def _read(self, project: str, id: str) -> Record:
        record = await self._records.get(_key(project, id)) if is_id(id) else None
        if record is None:
            raise no_upload(id)
        return record

    def _alive(self, record: Record) -> tuple[int, Upload]:
        upload = Upload.model_validate(record.value)
        if upload.expires_at <= self.clock():
            raise UploadExpired(
                f"the upload had until {upload.expires_at.isoformat()}", hint="begin a new one"
            )
        return record.version, upload


def no_upload(id: str) -> NotFound:
    """The refusal of an id that is no upload's, or none that the asker may know of."""
    return NotFound(f"there is no upload {id[:64]!r}")


def _key(project: str, id: str) -> str:
    return f"{project}/{id}"


def _value(upload: Upload) -> dict[str, object]:
    return upload.model_dump(mode="json")
