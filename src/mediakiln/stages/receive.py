"""Receive: bytes to the input bucket, then the record with its event, then the answer.

Write order: the object is durable before the record exists, and the record exists before the
uploader hears of it. An object whose record was never written is swept by `reconcile`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from blake3 import blake3

from mediakiln.model.access import UploadLimits
from mediakiln.model.asset import Asset, Source
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import (
    AlreadyExists,
    EmptyFile,
    IncompleteUpload,
    ObjectMissing,
    StorageFull,
    TooLarge,
    UnsupportedMedia,
)
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.messages import Received
from mediakiln.model.names import clean_name
from mediakiln.model.upload import Offer
from mediakiln.ports.detector import HEAD_BYTES, Detection, Detector
from mediakiln.ports.object_store import FreeSpace, ObjectStore, Writer
from mediakiln.stages.admission import Admission
from mediakiln.stages.ledger import Ledger
from mediakiln.telemetry import metrics


class Receive:
    """Takes uploads in: at most `max_bytes` each; `reserve_bytes` of the store stay free."""

    def __init__(
        self,
        store: ObjectStore,
        ledger: Ledger,
        detector: Detector,
        *,
        max_bytes: int,
        reserve_bytes: int,
        admission: Admission | None = None,
        count: Callable[[str, int], Awaitable[None]] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._detector = detector
        self._max_bytes = max_bytes
        self._reserve_bytes = reserve_bytes
        self._admission = admission
        self._count = count
        self._clock = clock

    async def __call__(
        self,
        offer: Offer,
        chunks: AsyncIterator[bytes],
        *,
        amend: Callable[[], Offer] | None = None,
        id: str | None = None,
    ) -> Asset:
        """Store an upload and its record.

        With `id`, the asset takes it; if it is there already, by an earlier try at the same
        upload, it is answered with and nothing is read.

        `amend` is asked once all bytes are there and nothing is committed yet: what the
        uploader said behind the bytes (in a form, say) is known only then.

        Raises:
            InvalidName, EmptyFile, TooLarge, UnsupportedMedia, IncompleteUpload, StorageFull,
            Overloaded:
                nothing is kept.
        """
        clean_name(offer.name)
        if id is not None and (there := await self._ledger.catalog.get(id)) is not None:
            return there
        await self.admit(offer.size or 0)
        if offer.size is not None and offer.size > self._max_bytes:
            raise too_large(self._max_bytes, offer.size)
        now, id = self._clock(), id or new_id()
        key = input_key(offer.project, id, now)
        head, rest = await _take_head(chunks)
        found = self._sniff(head, offer)
        _hold_to_type(offer, found)
        async with self._store.writer(Bucket.INPUT, key) as writer:
            size, checksum = await self._write(writer, head, rest, offer.limits)
            offer = amend() if amend is not None else offer
            _check_size(size, offer.size)
            info = await writer.commit()
        asset = self._record(
            id,
            offer,
            Source(key=key, etag=info.etag, version=info.version),
            size=info.size,
            now=now,
            checksum=checksum,
            media_type=found.media_type if found.certain else None,
        )
        created = await self._ledger.create(asset, [Received(asset=id, project=offer.project)])
        await self._taken(offer, info.size)
        return created

    async def _taken(self, offer: Offer, size: int) -> None:
        metrics.UPLOADS.labels("accepted").inc()
        metrics.UPLOAD_BYTES.inc(size)
        if offer.counted and self._count is not None:
            await self._count(offer.counted, size)

    async def enter(self, id: str, offer: Offer, key: str, *, checksum: str | None = None) -> Asset:
        """Make the record of an object that is complete in the input bucket.

        The end of every way in but `__call__`. The same id again, after a crash say, answers
        with the record there is.

        Raises:
            ObjectMissing: there is no such object.
            InvalidName, EmptyFile, TooLarge, UnsupportedMedia: no record is made; the object
                stays, for the caller to delete.
        """
        clean_name(offer.name)
        info = await self._store.head(Bucket.INPUT, key)
        if info is None:
            raise ObjectMissing(key=key)
        _hold_to_size(offer, info.size)
        found = self._sniff(await self._head(key, info.size), offer)
        _hold_to_type(offer, found)
        asset = self._record(
            id,
            offer,
            Source(key=key, etag=info.etag, version=info.version),
            size=info.size,
            now=self._clock(),
            checksum=checksum,
            media_type=found.media_type if found.certain else None,
        )
        try:
            created = await self._ledger.create(asset, [Received(asset=id, project=offer.project)])
        except AlreadyExists:
            return await self._ledger.catalog.get(id) or asset
        await self._taken(offer, info.size)
        return created

    async def admit(self, size: int) -> None:
        """Whether an upload of `size` bytes may begin now.

        Raises:
            StorageFull, Overloaded: it may not.
        """
        if self._admission is not None:
            await self._admission.check()
        await self.check_room(size)

    async def _head(self, key: str, size: int) -> bytes:
        if not size:
            return b""
        end = min(size, HEAD_BYTES)
        return b"".join(
            [chunk async for chunk in self._store.stream(Bucket.INPUT, key, start=0, end=end)]
        )

    def _record(
        self,
        id: str,
        offer: Offer,
        source: Source,
        *,
        size: int,
        now: datetime,
        checksum: str | None = None,
        media_type: str | None = None,
    ) -> Asset:
        return Asset(
            id=id,
            project=offer.project,
            uploader=offer.uploader,
            name=clean_name(offer.name),
            tags=offer.tags,
            declared_type=offer.declared_type,
            media_type=media_type,
            recipe=offer.recipe,
            bytes=size,
            checksum=checksum,
            source=source,
            created_at=now,
            run_started_at=now,
            updated_at=now,
            due_at=now + self._ledger.stall_after,
        )

    async def check_room(self, size: int) -> None:
        """Whether `size` more bytes fit beside the reserve.

        Raises:
            StorageFull: they do not.
        """
        if not isinstance(self._store, FreeSpace):
            return
        free = await self._store.free_bytes()
        metrics.FREE_BYTES.set(free)
        if free - size < self._reserve_bytes:
            raise StorageFull(
                f"{free} bytes are free, of which {self._reserve_bytes} are kept in reserve",
                limit=self._reserve_bytes,
                value=free,
                hint="free space on the store's disk, or lower MEDIAKILN_RESERVE_BYTES",
            )

    def _sniff(self, head: bytes, offer: Offer) -> Detection:
        """What the first bytes show; a file they show to be unacceptable is refused here."""
        if not head:
            raise EmptyFile(hint="the request's body held no bytes")
        complete = len(head) < HEAD_BYTES
        found = self._detector.sniff(
            head, complete=complete, name=offer.name, declared=offer.declared_type
        )
        if found.certain and found.kind is None:
            raise unsupported(found)
        return found

    async def _write(
        self,
        writer: Writer,
        head: bytes,
        rest: AsyncIterator[bytes],
        limits: UploadLimits | None,
    ) -> tuple[int, str]:
        """Write and hash the bytes as they come; their number and checksum."""
        digest, size = blake3(head), len(head)
        self._hold_to(limits, size)
        await writer.write(head)
        async for chunk in rest:
            size += len(chunk)
            self._hold_to(limits, size)
            digest.update(chunk)
            await writer.write(chunk)
        return size, f"blake3:{digest.hexdigest()}"

    def _hold_to(self, limits: UploadLimits | None, size: int) -> None:
        if size > self._max_bytes:
            raise too_large(self._max_bytes, size)
        if limits is not None:
            limits.check_size(size)


def _hold_to_size(offer: Offer, size: int) -> None:
    if offer.limits is not None:
        offer.limits.check_size(size)


def _hold_to_type(offer: Offer, found: Detection) -> None:
    if offer.limits is not None:
        offer.limits.check_type(found.media_type)


def _check_size(size: int, announced: int | None) -> None:
    if announced is not None and size != announced:
        raise IncompleteUpload(
            f"{announced} bytes were announced and {size} arrived", limit=announced, value=size
        )


def too_large(limit: int, size: int) -> TooLarge:
    """The refusal of more bytes than one request may bring."""
    return TooLarge(
        f"the upload is larger than {limit} bytes",
        limit=limit,
        value=size,
        hint="send it in parts (/v1/uploads, /v1/tus), or raise MEDIAKILN_MAX_UPLOAD_BYTES",
    )


def unsupported(found: Detection) -> UnsupportedMedia:
    """The refusal of a file for what it is."""
    what = found.media_type or "of an unknown type"
    return UnsupportedMedia(
        found.refused or f"the file is {what}, which is not accepted",
        media_type=found.media_type,
        hint="images, documents, 3D models, videos and audio are accepted",
    )


async def _take_head(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first bytes, at least `HEAD_BYTES` unless the stream ends before, and the rest."""
    head = bytearray()
    async for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return bytes(head), chunks
