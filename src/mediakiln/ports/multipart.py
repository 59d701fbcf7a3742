"""Objects made of parts that arrive in any order, in parallel and again.

Nothing of it is visible as an object before `complete`. Where an engine has no such thing,
`mediakiln.stages.uploads` keeps the parts as objects of their own and joins them at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectInfo


@dataclass(frozen=True, slots=True)
class PartRules:
    """What an engine takes as parts."""

    min_bytes: int
    """Of every part but the last."""
    max_bytes: int
    """Of every part."""
    max_parts: int
    max_object_bytes: int
    open_ended: bool = False
    """Whether `part_writer` takes parts whose size is known only when they are committed."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is durable. `etag` changes whenever its bytes do."""

    number: int
    size: int
    etag: str


class PartWriter(Protocol):
    """A part in the making. Leaving the context without `commit` leaves no such part."""

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes.

        Raises:
            StorageFull: no space left.
            InvalidPart: more bytes than were announced.
        """
        ...

    async def commit(self) -> Part:
        """Make the part durable; it takes the place of an older one of its number.

        Raises:
            InvalidPart: fewer bytes than were announced.
            StorageFull: no space left.
            NotFound: the upload was completed or aborted meanwhile.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class Multipart(Protocol):
    """For stores that take an object in parts. `upload` is the engine's own token."""

    @property
    def part_rules(self) -> PartRules:
        """What this engine takes."""
        ...

    async def begin(self, bucket: Bucket, key: str) -> str:
        """Open an upload for an object; returns its token, at most 2 KiB of text."""
        ...

    def part_writer(
        self, bucket: Bucket, key: str, upload: str, number: int, *, offset: int, size: int | None
    ) -> PartWriter:
        """Write one part.

        Args:
            bucket: the object's.
            key: the object's.
            upload: the token.
            number: from 1, gaps are allowed until the end.
            offset: where the part's first byte stands in the object. Stores that write in place
                rely on it; at the end, the parts must follow one another without gap or overlap.
            size: its bytes, exactly; None, where the rules are `open_ended`: as many as come.

        Raises:
            UploadBusy: on entering, where another writer is at the same part.
            NotFound: on entering, if there is no such upload.
        """
        ...

    async def parts(self, bucket: Bucket, key: str, upload: str) -> Sequence[Part]:
        """The durable parts, by number.

        Raises:
            NotFound: there is no such upload.
        """
        ...

    async def complete(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo:
        """Make the object of these parts, in this order; the others are thrown away.

        Costs nothing per byte. Again, after it succeeded, it answers the same.

        Raises:
            InvalidPart: a part is missing, was replaced, leaves a gap, or is too small.
            NotFound: there is no such upload, and no such object.
        """
        ...

    async def abort(self, bucket: Bucket, key: str, upload: str) -> None:
        """Throw the parts away and free their space. An unknown upload is no error."""
        ...


@runtime_checkable
class PresignedParts(Protocol):
    """For stores that take parts straight from clients, by addresses that end."""

    async def presign_part(
        self, bucket: Bucket, key: str, upload: str, number: int, *, expires_s: float
    ) -> str:
        """An address to PUT one part to; the answer's ETag header is the part's etag."""
        ...
