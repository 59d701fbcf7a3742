"""Parts of uploads on any object store: its own where it has such, joined at the end elsewhere."""

from collections.abc import Sequence

from mediakiln.model.errors import NotSupported
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Multipart, Part, PartRules, PartWriter, PresignedParts
from mediakiln.ports.object_store import ObjectInfo, ObjectStore
from mediakiln.stages.uploads.joined import JoinedParts


class Parts:
    """What every door writes parts with. It is a `Multipart`, whatever the store is.

    Attributes:
        in_store: the store makes objects of parts itself; if not, completing one costs a copy of
            all its bytes through this process.
        presigned: the store takes parts straight from clients.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._parts: Multipart = store if isinstance(store, Multipart) else JoinedParts(store)
        self._addresses = store if isinstance(store, PresignedParts) else None
        self.in_store = self._parts is store
        self.presigned = self._addresses is not None

    @property
    def part_rules(self) -> PartRules:
        """What the store takes."""
        return self._parts.part_rules

    async def begin(self, bucket: Bucket, key: str) -> str:
        """Open an upload for an object; returns its token."""
        return await self._parts.begin(bucket, key)

    def part_writer(
        self, bucket: Bucket, key: str, upload: str, number: int, *, offset: int, size: int | None
    ) -> PartWriter:
        """Write one part.

        Raises:
            InvalidPart, UploadBusy, NotFound: as `Multipart.part_writer`.
        """
        return self._parts.part_writer(bucket, key, upload, number, offset=offset, size=size)

    async def parts(self, bucket: Bucket, key: str, upload: str) -> Sequence[Part]:
        """The durable parts, by number.

        Raises:
            NotFound: there is no such upload.
        """
        return await self._parts.parts(bucket, key, upload)

    async def complete(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo:
        """Make the object of these parts; the others are thrown away.

        Raises:
            InvalidPart, NotFound: as `Multipart.complete`.
        """
        return await self._parts.complete(bucket, key, upload, parts)

    async def abort(self, bucket: Bucket, key: str, upload: str) -> None:
        """Throw the parts away and free their space. An unknown upload is no error."""
        await self._parts.abort(bucket, key, upload)

    async def presign_part(
        self, bucket: Bucket, key: str, upload: str, number: int, *, expires_s: float
    ) -> str:
        """An address to PUT one part to; the answer's ETag header is the part's etag.

        Raises:
            NotSupported: the store takes parts through this process only; see `presigned`.
        """
        if self._addresses is None:
            raise NotSupported("This store takes no parts straight from clients.")
        return await self._addresses.presign_part(bucket, key, upload, number, expires_s=expires_s)
