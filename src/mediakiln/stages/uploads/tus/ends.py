"""The end of tus uploads: assets of whole files, files of partial uploads, and clearing away."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from blake3 import blake3

from mediakiln.model.asset import Asset
from mediakiln.model.errors import Gone, InvalidPart, InvalidRequest, NotFound
from mediakiln.model.keys import Bucket
from mediakiln.model.upload import Upload, UploadState
from mediakiln.ports.multipart import Part
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.finish import Finish
from mediakiln.stages.uploads.parts import Parts
from mediakiln.stages.uploads.tus.flow import acknowledged
from mediakiln.stages.uploads.tus.session import Session
from mediakiln.stages.uploads.tus.state import (
    TusLimits,
    TusState,
    tail_prefix,
)
from mediakiln.stages.uploads.tus.writer import writer_of


class TusEnds:
    """Completes uploads, joins partial ones, and frees what an upload holds."""

    def __init__(
        self,
        book: UploadBook,
        parts: Parts,
        store: ObjectStore,
        finish: Finish,
        limits: TusLimits,
    ) -> None:
        self._book = book
        self._parts = parts
        self._store = store
        self._finish = finish
        self._limits = limits

    async def complete(self, session: Session, *, checksum: str | None = None) -> Asset | None:
        """Make the object of a whole upload, and the asset of it; None for a partial one.

        Raises:
            EmptyFile, InvalidName, TooLarge, UnsupportedMedia: the file is refused, and its
                space is free.
            Gone: what was acknowledged is not there any more; the upload is over.
        """
        with session.working():
            if session.position.tail is not None:
                await self._close(session)
            upload = await self._finish.begin(session.upload)
            await self._assemble(upload)
            if TusState.of(upload).partial:
                session.upload = await self._done(upload)
                return None
            asset, _ = await self._finish(upload, checksum=checksum)
            session.upload = upload.model_copy(update={"state": UploadState.DONE})
            return asset

    async def outcome(self, upload: Upload) -> Asset | None:
        """The asset of an upload that is over; None for a partial one.

        Raises:
            EmptyFile, InvalidName, TooLarge, UnsupportedMedia: it was refused.
            NotFound: the asset is gone.
        """
        return None if TusState.of(upload).partial else await self._finish.outcome(upload)

    async def join(self, upload: Upload, partials: list[Upload]) -> Asset:
        """Make a final upload's file of the partial ones' bytes, which costs a copy of them.

        Raises:
            MediakilnError: it could not be made; nothing of it is left.
        """
        owner = upload.holder.owner if upload.holder is not None else ""
        async with Session.adopt(self._book, upload, owner, self._limits) as session:
            try:
                with session.working():
                    checksum = await self._copy(upload, partials)
                    asset, _ = await self._finish(upload, checksum=checksum)
            except BaseException:
                await self.clean(upload)
                await self._book.forget(upload.project, upload.id)
                raise
        for partial in partials:
            await self._shorten(partial)
        return asset

    async def clean(self, upload: Upload) -> None:
        """Free what an upload holds; the asset of one that is complete stays."""
        state = TusState.of(upload)
        if upload.token is not None:
            await self._parts.abort(Bucket.INPUT, upload.key, upload.token)
        tails = [item.key async for item in self._store.list(Bucket.INPUT, tail_prefix(upload))]
        if tails:
            await self._store.delete(Bucket.INPUT, tails)
        if state.partial:
            await self._store.delete(Bucket.INPUT, [upload.key])
        elif upload.state is not UploadState.DONE:
            await self._finish.discard(upload)

    async def _close(self, session: Session) -> None:
        """Make the tail the last part."""
        writer = writer_of(self._parts, self._store, session, self._limits, held_back=False)
        await writer.settle()

    async def _assemble(self, upload: Upload) -> None:
        if await self._finish.exists(upload):
            return
        try:
            chosen = await self._chosen(upload)
            await self._parts.complete(Bucket.INPUT, upload.key, upload.token or "", chosen)
        except (InvalidPart, NotFound) as error:
            await self.clean(upload)
            await self._book.forget(upload.project, upload.id)
            raise Gone(f"what was acknowledged is lost: {error}", hint="begin anew") from error

    async def _chosen(self, upload: Upload) -> list[Part]:
        position = TusState.of(upload).position
        there = await self._parts.parts(Bucket.INPUT, upload.key, upload.token or "")
        return acknowledged(there, position)

    async def _done(self, upload: Upload) -> Upload:
        return await self._changed(upload, lambda _: {"state": UploadState.DONE})

    async def _shorten(self, partial: Upload) -> None:
        """A partial upload that was used is not kept for as long as one that was not."""
        until = self._book.clock() + timedelta(seconds=self._limits.used_kept_s)
        with suppress(NotFound):
            await self._changed(
                partial, lambda latest: {"expires_at": min(latest.expires_at, until)}
            )

    async def _changed(self, upload: Upload, update: Callable[[Upload], dict[str, Any]]) -> Upload:
        return await self._book.change(
            upload.project, upload.id, lambda latest: latest.model_copy(update=update(latest))
        )

    async def _copy(self, upload: Upload, partials: list[Upload]) -> str:
        digest = blake3()
        async with self._store.writer(Bucket.INPUT, upload.key) as writer:
            for partial in partials:
                size = 0
                async for chunk in self._store.stream(Bucket.INPUT, partial.key):
                    size += len(chunk)
                    digest.update(chunk)
                    await writer.write(chunk)
                if size != partial.size:
                    raise InvalidRequest(f"the partial upload {partial.id} has lost bytes")
            await writer.commit()
        return f"blake3:{digest.hexdigest()}"
