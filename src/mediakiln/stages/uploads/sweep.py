"""Uploads that nobody goes on with: their space is freed, and their records go."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Protocol, runtime_checkable

from mediakiln.model.errors import MediakilnError
from mediakiln.model.upload import Upload, UploadState
from mediakiln.stages.uploads.book import KEPT, UploadBook
from mediakiln.stages.uploads.finish import completing_since

log = logging.getLogger(__name__)

LATE: Final = timedelta(minutes=5)
"""How long after its end an upload is cleaned: another replica's clock may be behind."""
STANDING: Final = timedelta(hours=1)
"""After so long in the middle of its completion an upload is brought to its end."""
_CLEANED: Final = "cleaned"


class Cleaner(Protocol):
    """What each door must be able to do for uploads that its clients have left."""

    async def clean(self, upload: Upload) -> None:
        """Free what an upload that is over holds; again is no error."""
        ...


@runtime_checkable
class Resumer(Protocol):
    """For doors that make an asset only when they are asked to."""

    async def resume(self, upload: Upload) -> None:
        """Bring to its end what stopped in the middle of its completion."""
        ...


class UploadSweep:
    """Looks at every upload; `cleaners` are by protocol."""

    def __init__(self, book: UploadBook, cleaners: Mapping[str, Cleaner]) -> None:
        self._book = book
        self._cleaners = cleaners

    async def __call__(self) -> int:
        """Clean what has expired, forget what was over for `KEPT`; returns how many it treated."""
        treated = 0
        async for upload in self._book.all():
            cleaner = self._cleaners.get(upload.protocol)
            if cleaner is None:
                continue
            try:
                treated += await self._treat(upload, cleaner)
            except MediakilnError as error:
                log.warning("an upload is not swept: %s", error, extra={"asset": upload.id})
        return treated

    async def _treat(self, upload: Upload, cleaner: Cleaner) -> bool:
        now = self._book.clock()
        if now < upload.expires_at + LATE:
            return await self._resume(upload, cleaner)
        forgotten = now >= upload.expires_at + KEPT or upload.state is UploadState.DONE
        if upload.extra.get(_CLEANED) and not forgotten:
            return False
        await cleaner.clean(upload)
        if forgotten:
            await self._book.forget(upload.project, upload.id)
        else:
            await self._book.note(upload, {_CLEANED: True})
            log.info("an upload expired", extra={"asset": upload.id})
        return True

    async def _resume(self, upload: Upload, cleaner: Cleaner) -> bool:
        since = completing_since(upload)
        if (
            not isinstance(cleaner, Resumer)
            or upload.state is not UploadState.COMPLETING
            or since is None
            or self._book.clock() < since + STANDING
        ):
            return False
        await cleaner.resume(upload)
        return True
