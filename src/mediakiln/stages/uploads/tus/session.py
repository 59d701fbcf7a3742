"""A request's hold on a tus upload: the lock, and the only way its offset moves."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Final, Self

from mediakiln.model.errors import MediakilnError, NotFound, UploadBusy, UploadExpired
from mediakiln.model.upload import Holder, Upload
from mediakiln.stages.uploads.book import UploadBook, lives_until
from mediakiln.stages.uploads.tus.state import Position, TusLimits, TusState, moved

_LOCK_PAUSE_S: Final = 0.05
_HALF: Final = 2
_RENEWALS: Final = 4
"""Looks at the lease within its time."""


class Session:
    """The one writer of an upload, as long as its lease is renewed.

    The lease is renewed while bytes come or work goes on, not while the client is silent: a
    connection that died without a word must not keep its own client from going on.

    Attributes:
        upload: the record as this session last wrote it.
        position: where the upload stands in the record.
        size: all bytes, perhaps said by this request and in the record with its first bytes.
    """

    def __init__(self, book: UploadBook, upload: Upload, owner: str, limits: TusLimits) -> None:
        self._book = book
        self._owner = owner
        self._limits = limits
        self._working = 0
        self._moving = False
        self._confirmed = time.monotonic()
        self.upload = upload
        self.position = TusState.of(upload).position
        self.size = upload.size

    @classmethod
    @asynccontextmanager
    async def open(
        cls, book: UploadBook, project: str, id: str, limits: TusLimits
    ) -> AsyncIterator[Self]:
        """Hold an upload for the body of the context.

        A request whose client went away lets go within moments, for which its successor waits.

        Raises:
            UploadBusy: another session holds it.
            NotFound, UploadExpired: as `UploadBook.get`.
        """
        upload, owner = await _held(book, project, id, limits)
        async with cls.adopt(book, upload, owner, limits) as session:
            yield session

    @classmethod
    @asynccontextmanager
    async def adopt(
        cls, book: UploadBook, upload: Upload, owner: str, limits: TusLimits
    ) -> AsyncIterator[Self]:
        """Go on holding an upload whose holder is `owner` already."""
        session = cls(book, upload, owner, limits)
        keeper = asyncio.create_task(session._keep())
        try:
            yield session
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
            with suppress(UploadBusy, NotFound, UploadExpired):
                await book.release(upload.project, upload.id, owner)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Keep the lease, whatever the client does."""
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

    def moves(self) -> None:
        """Note that bytes came."""
        self._moving = True

    async def advance(self, position: Position) -> None:
        """Move the offset to what is durable now.

        Raises:
            UploadBusy: the lease was over and another took the upload; nothing is written.
            NotFound, UploadExpired: the upload was terminated, or is too old.
        """

        def apply(upload: Upload) -> Upload:
            life = timedelta(seconds=self._limits.expiry_s)
            expires = lives_until(upload, self._book.clock() + life)
            after = moved(self._mine(upload), position)
            return after.model_copy(update={"size": self.size, "expires_at": expires})

        self.upload = await self._book.change(self.upload.project, self.upload.id, apply)
        self.position = position
        self._confirmed = time.monotonic()

    async def confirm(self) -> None:
        """Make sure that the lease is not over.

        Raises:
            UploadBusy, NotFound, UploadExpired: as `advance`.
        """
        if time.monotonic() - self._confirmed > self._limits.lease_s / _HALF:
            await self.renew()

    async def renew(self) -> None:
        """Extend the lease.

        Raises:
            UploadBusy, NotFound, UploadExpired: as `advance`.
        """
        asked = time.monotonic()
        await self._book.change(self.upload.project, self.upload.id, self._mine)
        self._confirmed = asked

    def _mine(self, upload: Upload) -> Upload:
        if upload.holder is None or upload.holder.owner != self._owner:
            raise UploadBusy("another request has taken the upload over")
        until = self._book.clock() + self._limits.lease
        return upload.model_copy(update={"holder": Holder(owner=self._owner, expires_at=until)})

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.lease_s / _RENEWALS)
            if self._moving or self._working:
                self._moving = False
                # Whether the lease is lost shows at the next `advance`; an outage may pass.
                with suppress(MediakilnError):
                    await self.renew()


async def _held(book: UploadBook, project: str, id: str, limits: TusLimits) -> tuple[Upload, str]:
    deadline = time.monotonic() + limits.patience_s
    while True:
        try:
            return await book.hold(project, id, lease=limits.lease)
        except UploadBusy:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(_LOCK_PAUSE_S)
