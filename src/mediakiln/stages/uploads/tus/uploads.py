"""What can be done with tus uploads: create, look, append, terminate, concatenate."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import timedelta

from blake3 import blake3

from mediakiln.model.asset import Asset
from mediakiln.model.errors import (
    IncompleteUpload,
    InvalidRequest,
    NotFound,
    Overloaded,
    UploadExpired,
)
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.names import clean_name
from mediakiln.model.upload import Holder, Offer, Upload, UploadState
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.uploads.book import UploadBook, no_upload
from mediakiln.stages.uploads.finish import Entry, Finish
from mediakiln.stages.uploads.parts import Parts
from mediakiln.stages.uploads.tus.checks import Checks, Patch, insist_whole, too_large
from mediakiln.stages.uploads.tus.ends import TusEnds
from mediakiln.stages.uploads.tus.session import Session
from mediakiln.stages.uploads.tus.state import (
    PROTOCOL,
    TusLimits,
    TusState,
    is_whole,
    new_upload,
    partial_key,
)
from mediakiln.stages.uploads.tus.writer import writer_of

Body = AsyncIterator[bytes | None]
"""A request's bytes as they come; None whenever nothing came for a while."""


class TusUploads:
    """The protocol's methods. Results are the record, and the asset once there is one."""

    def __init__(
        self,
        store: ObjectStore,
        catalog: Catalog,
        book: UploadBook,
        entry: Entry,
        *,
        limits: TusLimits | None = None,
    ) -> None:
        self.limits = limits or TusLimits()
        self._stopping = False
        self._store = store
        self._book = book
        self._entry = entry
        self._parts = Parts(store)
        self._checks = Checks(self._parts.part_rules, self.limits)
        self._ends = TusEnds(
            book, self._parts, store, Finish(book, entry, store, catalog), self.limits
        )

    def stop(self) -> None:
        """End requests that take bytes; what came of them is made durable first."""
        self._stopping = True

    async def create(
        self,
        offer: Offer,
        *,
        metadata: str = "",
        partial: bool = False,
        by: str = "owner",
        id: str | None = None,
    ) -> Upload:
        """Open an upload, with this id if one is given.

        Raises:
            EmptyFile, TooLarge, InvalidName: there can be no such file.
            StorageFull, Overloaded: not now.
        """
        if offer.size is not None:
            self._checks.length(offer.size, offer)
        clean_name(offer.name)
        await self._entry.admit(offer.size or 0)
        now, id = self._book.clock(), id or new_id()
        key = partial_key(offer.project, id) if partial else input_key(offer.project, id, now)
        state = TusState(metadata=metadata, concat="partial" if partial else "")
        token = await self._parts.begin(Bucket.INPUT, key)
        upload = self._record(id, key, offer, state, by).model_copy(update={"token": token})
        try:
            return await self._book.open(upload)
        except BaseException:
            await self._parts.abort(Bucket.INPUT, key, token)
            raise

    async def look(self, project: str, id: str) -> tuple[Upload, Asset | None]:
        """How far an upload is. One that is whole is brought to its end before the answer.

        Raises:
            NotFound, UploadExpired: there is none any more.
            UploadBusy: it is being brought to its end.
            EmptyFile, InvalidName, TooLarge, UnsupportedMedia: the file was refused.
        """
        upload = await self._find(project, id)
        if upload.state is UploadState.DONE:
            return upload, await self._ends.outcome(upload)
        if not is_whole(upload) or TusState.of(upload).final:
            return upload, None
        async with self._session(project, id) as session:
            return await self._ended(session)

    async def append(
        self, project: str, id: str, patch: Patch, body: Body
    ) -> tuple[Upload, Asset | None]:
        """Append a request's bytes; with the last of them, the upload becomes an asset.

        What is durable when a connection ends stays, unless a checksum was to be kept.

        Raises:
            OffsetMismatch, TooLarge, InvalidRequest, Forbidden, ChecksumMismatch, UploadBusy:
                the upload stays as it was.
            IncompleteUpload: the body ended early; what came of it is durable.
            NotFound, UploadExpired: there is none any more.
            StorageFull: the rest does not fit.
            EmptyFile, InvalidName, UnsupportedMedia: the complete file is refused.
        """
        async with aclosing(body) as chunks:  # type: ignore[type-var] # our bodies are generators
            upload = await self._find(project, id)
            self._checks(upload, patch)
            if upload.state is UploadState.DONE:
                return upload, await self._ends.outcome(upload)
            if patch.announced:
                await self._entry.check_room(patch.announced)
            async with self._session(project, id) as session:
                self._checks(session.upload, patch)
                if session.upload.state is UploadState.DONE:
                    return session.upload, await self._ends.outcome(session.upload)
                checksum = await self._take(session, patch, chunks)
                if is_whole(session.upload):
                    return await self._ended(session, checksum)
                return session.upload, None

    async def terminate(self, project: str, id: str) -> None:
        """End an upload and free its space; the asset of a complete one stays.

        Raises:
            NotFound, UploadExpired: there is none any more.
            UploadBusy: a request is writing to it.
        """
        await self._find(project, id)
        async with self._session(project, id) as session:
            await self._ends.clean(session.upload)
            await self._book.forget(project, id)

    async def partials(
        self, project: str, ids: Sequence[str], *, sees: Callable[[str], bool] = lambda _: True
    ) -> list[Upload]:
        """The partial uploads that a final one is to be made of.

        `sees` says whether those of a principal are there for whoever asks.

        Raises:
            InvalidRequest: one is not there, not partial, or not complete; names the first.
        """
        if not 1 <= len(ids) <= self.limits.max_partials:
            raise InvalidRequest(
                f"a final upload is made of 1 to {self.limits.max_partials} partial ones",
                field="Upload-Concat",
                limit=self.limits.max_partials,
                value=len(ids),
            )
        known = {id: await self._partial(project, id, sees) for id in dict.fromkeys(ids)}
        return [known[id] for id in ids]

    async def concatenate(
        self,
        offer: Offer,
        partials: list[Upload],
        *,
        concat: str,
        metadata: str = "",
        by: str = "owner",
        id: str | None = None,
    ) -> tuple[Upload, Asset]:
        """Make a file of partial uploads, in this order; they may be used again for a while.

        Raises:
            EmptyFile, InvalidName, TooLarge, UnsupportedMedia: the file is refused.
            StorageFull, Overloaded: not now.
            MediakilnError: whatever it was, nothing of the final upload is left.
        """
        self._checks.length(offer.size or 0, offer)
        clean_name(offer.name)
        await self._entry.admit(offer.size or 0)
        now, id = self._book.clock(), id or new_id()
        state = TusState(metadata=metadata, concat=concat)
        upload = self._record(id, input_key(offer.project, id, now), offer, state, by)
        holder = Holder(owner=new_id(), expires_at=now + self.limits.lease)
        upload = await self._book.open(
            upload.model_copy(update={"holder": holder, "offset": offer.size or 0})
        )
        asset = await self._ends.join(upload, partials)
        return upload.model_copy(update={"state": UploadState.DONE}), asset

    async def clean(self, upload: Upload) -> None:
        """Free what an upload holds that its client has left; again is no error."""
        await self._ends.clean(upload)

    async def resume(self, upload: Upload) -> None:
        """Bring to its end what stopped in the middle of its completion.

        Raises:
            UploadBusy: somebody does.
        """
        await self.look(upload.project, upload.id)

    async def _find(self, project: str, id: str) -> Upload:
        upload = await self._book.get(project, id)
        if upload.protocol != PROTOCOL:
            raise NotFound(f"there is no tus upload {id[:64]!r}")
        return upload

    def _session(self, project: str, id: str) -> AbstractAsyncContextManager[Session]:
        return Session.open(self._book, project, id, self.limits)

    async def _take(self, session: Session, patch: Patch, chunks: Body) -> str | None:
        """Write the body; the file's checksum, if this is all of it and not too much to hash."""
        session.size = session.upload.size if patch.length is None else patch.length
        digest = blake3() if self._is_small(session, patch) else None
        writer = writer_of(
            self._parts,
            self._store,
            session,
            self.limits,
            held_back=patch.checksum is not None,
        )
        most, came = self._checks.most(session) - patch.offset, 0
        try:
            async for chunk in chunks:
                self._check_running()
                if chunk is None:
                    await writer.pause()
                    continue
                session.moves()
                came += len(chunk)
                if came > most:
                    raise too_large(most + patch.offset, came + patch.offset)
                if patch.checksum is not None:
                    patch.checksum.update(chunk)
                if digest is not None:
                    digest.update(chunk)
                await writer.add(chunk)
            if patch.checksum is not None:
                patch.checksum.verify()
            await writer.settle()
        except (IncompleteUpload, Overloaded):
            if patch.checksum is None:
                await writer.settle()
            raise
        finally:
            await writer.discard()
        return f"blake3:{digest.hexdigest()}" if digest is not None else None

    def _is_small(self, session: Session, patch: Patch) -> bool:
        whole = patch.offset == 0 and patch.announced == session.size
        return whole and (patch.announced or 0) <= self.limits.hash_bytes

    async def _ended(
        self, session: Session, checksum: str | None = None
    ) -> tuple[Upload, Asset | None]:
        if session.upload.state is UploadState.DONE:
            return session.upload, await self._ends.outcome(session.upload)
        asset = await self._ends.complete(session, checksum=checksum)
        return session.upload, asset

    async def _partial(self, project: str, id: str, sees: Callable[[str], bool]) -> Upload:
        try:
            if not sees((await self._find(project, id)).by):
                raise no_upload(id)
            upload, _ = await self.look(project, id)
        except (NotFound, UploadExpired) as error:
            raise InvalidRequest(
                f"there is no partial upload {id[:64]!r}", field="Upload-Concat"
            ) from error
        insist_whole(upload)
        return upload

    def _record(self, id: str, key: str, offer: Offer, state: TusState, by: str) -> Upload:
        life = timedelta(seconds=self.limits.expiry_s)
        return new_upload(id, key, offer, state, by=by, now=self._book.clock(), life=life)

    def _check_running(self) -> None:
        if self._stopping:
            raise Overloaded("the server stops", hint="go on in a moment")
