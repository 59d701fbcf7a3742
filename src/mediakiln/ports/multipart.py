"""Objects made of parts that arrive in any order, in parallel and again.

Nothing of it is visible as an object before `complete`. Where an engine has no such thing,
`mediakiln.stages.uploads` keeps the parts as objects of their own and joins them at the end.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from types import TracebackType
from typing import Final, Protocol, Self, runtime_checkable

from mediakiln.model.errors import InvalidPart
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectInfo

FORGOTTEN_AFTER: Final = timedelta(days=30)
"""Parts that nobody touched for so long are swept, whoever they belong to."""


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

    def check(self, number: int, *, offset: int, size: int | None) -> None:
        """Refuse a part that no object of this engine could have.

        Any part may turn out to be the last one, so a small one is refused by `check_all` only.

        Raises:
            InvalidPart: its number, place or size is out of bounds.
        """
        if not 1 <= number <= self.max_parts:
            raise InvalidPart(
                f"parts are numbered from 1 to {self.max_parts}",
                field="number",
                limit=self.max_parts,
                value=number,
            )
        if size is None and not self.open_ended:
            raise InvalidPart("a part's size must be known before its bytes", field="size")
        if size is not None and not 1 <= size <= self.max_bytes:
            raise InvalidPart(
                f"a part has 1 to {self.max_bytes} bytes",
                field="size",
                limit=self.max_bytes,
                value=size,
            )
        end = offset + (size or 1)
        if offset < 0 or end > self.max_object_bytes:
            raise InvalidPart(
                f"the part lies outside an object of {self.max_object_bytes} bytes",
                field="offset",
                limit=self.max_object_bytes,
                value=end,
            )

    def check_all(self, parts: "Sequence[Part]") -> int:
        """Refuse parts of which no object can be made in this order; gives its bytes.

        Raises:
            InvalidPart: there are none, their numbers do not ascend, one that is not the last is
                too small, or all together are too large.
        """
        if not parts:
            raise InvalidPart("an object has at least one part")
        offset = 0
        for part in parts:
            self.check(part.number, offset=offset, size=part.size)
            offset += part.size
        for before, part in pairwise(parts):
            if part.number <= before.number:
                raise InvalidPart("the numbers of parts ascend", part=part.number)
            if before.size < self.min_bytes:
                raise InvalidPart(
                    f"every part but the last has at least {self.min_bytes} bytes",
                    part=before.number,
                    limit=self.min_bytes,
                    value=before.size,
                )
        return offset


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

        Where the store writes in place, the older one is gone from the first byte written on.

        Raises:
            InvalidPart: fewer bytes than were announced, or none.
            StorageFull: no space left.
            NotFound: the upload was completed or aborted meanwhile; where the store does not
                tell, the part is lost just the same.
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
            InvalidPart: at once, if no object can have such a part; on entering, if it would
                lie over a neighbour's bytes.
            UploadBusy: on entering, where the store writes in place and another writer is at
                these bytes. Elsewhere the part becomes the last writer's, whole.
            NotFound: on entering, or by `commit` at the latest, if there is no such upload.
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

        An object that has the key already is replaced. Costs nothing per byte. Again, after it
        succeeded, it answers the same.

        Raises:
            InvalidPart: there is no part, or one is missing, was replaced, is out of order,
                leaves a gap (where the store knows their places), or is too small. The upload
                stays as it was.
            NotFound: there is no such upload, and no such object.
        """
        ...

    async def abort(self, bucket: Bucket, key: str, upload: str) -> None:
        """Throw the parts away and free their space. An unknown upload is no error."""
        ...


@runtime_checkable
class ReadableParts(Protocol):
    """For stores whose parts can be read before they are an object."""

    def read_part(self, bucket: Bucket, key: str, upload: str, part: Part) -> AsyncIterator[bytes]:
        """A durable part's bytes, in chunks. Ends only if it was not replaced meanwhile.

        Raises:
            InvalidPart: there is no such part, or no longer.
            NotFound: there is no such upload.
        """
        ...


@runtime_checkable
class PresignedParts(Protocol):
    """For stores that take parts straight from clients, by addresses that end."""

    async def presign_part(
        self, bucket: Bucket, key: str, upload: str, number: int, *, expires_s: float
    ) -> str:
        """An address to PUT one part to; the answer's ETag header is the part's etag."""
        ...
