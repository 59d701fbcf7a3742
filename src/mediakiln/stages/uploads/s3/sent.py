"""The parts of an upload, as their client knows them and as the store does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.errors import InvalidPart, InvalidRequest, VersionConflict
from mediakiln.model.upload import Upload
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.multipart import Part
from mediakiln.stages.uploads.s3 import checksums
from mediakiln.stages.uploads.s3.checksums import Checksum, Chosen

SPACE: Final = "s3-parts"
CHOSEN: Final = "checksum_of_parts"
"""Where an upload's record says which checksum its client chose."""
_PAGE: Final = 1000


class SentPart(BaseModel):
    """A part: `md5` is its ETag to clients, in hexadecimal digits, `etag` the store's own.

    `checksums` are in Base64, by algorithm. A part that is not at its place is kept `aside`.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    size: int
    md5: str
    etag: str
    aside: bool = False
    checksums: Mapping[str, str] = Field(default_factory=dict)

    @property
    def part(self) -> Part:
        """As the store knows it."""
        return Part(number=self.number, size=self.size, etag=self.etag)


@dataclass(frozen=True, slots=True)
class Named:
    """A part as the client names it at the end: its ETag, which is its MD5, and checksums."""

    number: int
    md5: str
    checksums: Mapping[str, str] = field(default_factory=dict)


class SentParts:
    """The records. Keys are `{upload}/{number}`."""

    def __init__(self, catalog: Catalog) -> None:
        self._records = catalog.records(SPACE)

    async def all(self, upload: Upload) -> Sequence[SentPart]:
        """The parts of an upload that are there, by number."""
        found: list[SentPart] = []
        cursor: str | None = None
        while True:
            records, cursor = await self._records.list(f"{upload.id}/", limit=_PAGE, cursor=cursor)
            found += [SentPart.model_validate(record.value) for record in records]
            if cursor is None:
                return found

    async def note(self, upload: Upload, sent: SentPart) -> None:
        """Keep a part, in the place of an older one of its number."""
        place, value = _place(upload, sent.number), sent.model_dump(mode="json")
        while True:
            found = await self._records.get(place)
            expected = None if found is None else found.version
            try:
                await self._records.put(place, value, expected=expected)
            except VersionConflict:
                continue  # the same part came twice at once: the last one counts
            return

    async def forget(self, upload: Upload) -> None:
        """Forget all of an upload."""
        for part in await self.all(upload):
            await self._records.delete(_place(upload, part.number))


def chosen(sent: Sequence[SentPart], named: Sequence[Named]) -> list[SentPart]:
    """The parts that a client names.

    Raises:
        InvalidPart: one is not there, or another than it says.
    """
    there = {part.number: part for part in sent}
    parts: list[SentPart] = []
    for each in named:
        found = there.get(each.number)
        if found is None or found.md5 != each.md5:
            raise InvalidPart(
                f"part {each.number} is not there, or has another ETag", part=each.number
            )
        if not each.checksums.items() <= found.checksums.items():
            raise InvalidPart(f"part {each.number} has another checksum", part=each.number)
        parts.append(found)
    return parts


def checksum_of(upload: Upload) -> Chosen | None:
    """The checksum that the client chose when the upload began."""
    found: Any = upload.extra.get(CHOSEN)
    return None if found is None else Chosen.model_validate(found)


def checked(
    upload: Upload, parts: Sequence[SentPart], expected: Checksum | None
) -> Checksum | None:
    """The checksum of the object of these parts; None if the client chose none.

    Args:
        upload: what they are parts of.
        parts: all of them, in their order.
        expected: what the client says it is.

    Raises:
        ChecksumMismatch: it is another.
        InvalidRequest: it is of an algorithm that the parts came without.
    """
    wanted: Chosen | None = checksum_of(upload) or expected
    if wanted is None:
        return None
    if expected is not None and (expected.algorithm, expected.kind) != (
        wanted.algorithm,
        wanted.kind,
    ):
        raise InvalidRequest(
            f"the upload began with {wanted.algorithm} of type {wanted.kind}",
            field=expected.algorithm,
        )
    values = [(part.checksums.get(wanted.algorithm), part.size) for part in parts]
    found = checksums.of_parts(wanted, values)
    if expected is not None:
        expected.check(found)
    return found


def _place(upload: Upload, number: int) -> str:
    return f"{upload.id}/{number:05}"
