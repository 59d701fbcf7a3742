"""What a client says of its parts at the end, held against what the store has."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mediakiln.model.errors import InvalidPart, VersionConflict
from mediakiln.model.upload import Upload
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.multipart import Part
from mediakiln.stages.uploads.plan import Plan

_SPACE: Final = "upload_parts"
_SHOWN: Final = 10
"""Missing parts that an error names."""
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """A part as its uploader knows it; None: nothing is said of that."""

    number: int
    etag: str | None = None
    size: int | None = None
    sha256: bytes | None = None


Digested = Mapping[int, tuple[str, bytes]]
"""By the part's number: the etag it had when its SHA-256 was found to be this."""


class Digests:
    """SHA-256 sums that parts were sent with, so that they can be claimed at the end."""

    def __init__(self, catalog: Catalog) -> None:
        self._records = catalog.records(_SPACE)

    async def note(self, upload: Upload, part: Part, sha256: bytes) -> None:
        """Remember the sum of a part; of parts written at once, one stays."""
        key = f"{_prefix(upload)}{part.number:06d}"
        known = await self._records.get(key)
        value = {"etag": part.etag, "sha256": sha256.hex()}
        with suppress(VersionConflict):
            await self._records.put(key, value, expected=known.version if known else None)

    def of(self, upload: Upload) -> Callable[[], Awaitable[Digested]]:
        """Reads the sums of an upload's parts."""

        async def read() -> Digested:
            found: dict[int, tuple[str, bytes]] = {}
            cursor: str | None = None
            while True:
                records, cursor = await self._records.list(
                    _prefix(upload), limit=_PAGE, cursor=cursor
                )
                for record in records:
                    sha256 = bytes.fromhex(record.value["sha256"])
                    found[int(record.key.rpartition("/")[2])] = (record.value["etag"], sha256)
                if cursor is None:
                    return found

        return read

    async def forget(self, upload: Upload) -> None:
        """Delete the sums of an upload that is over."""
        for number in await self.of(upload)():
            await self._records.delete(f"{_prefix(upload)}{number:06d}")


async def checked(
    plan: Plan,
    there: Sequence[Part],
    claims: Sequence[Claim] | None,
    digests: Callable[[], Awaitable[Digested]],
) -> Sequence[Part]:
    """The parts that make the file, in order.

    Raises:
        InvalidPart: one is missing, of the wrong size, or not as claimed; names the first.
    """
    parts = _whole(plan, there)
    if claims is None:
        return parts
    repeated = [number for number, count in Counter(c.number for c in claims).items() if count > 1]
    if repeated:
        raise InvalidPart(f"part {repeated[0]} is listed twice", part=repeated[0])
    by_number = {claim.number: claim for claim in claims}
    for number in by_number:
        plan.place(number)
    left_out = [part.number for part in parts if part.number not in by_number]
    if left_out:
        raise InvalidPart(
            f"{len(left_out)} of {plan.count} parts are not listed, the first is {left_out[0]}",
            part=left_out[0],
            missing=left_out[:_SHOWN],
            hint="list every part, or send no list",
        )
    sums = await digests() if any(claim.sha256 is not None for claim in claims) else {}
    for part in parts:
        _hold(by_number[part.number], part, sums)
    return parts


def _whole(plan: Plan, there: Sequence[Part]) -> Sequence[Part]:
    by_number = {part.number: part for part in there}
    missing = [number for number in range(1, plan.count + 1) if number not in by_number]
    if missing:
        raise InvalidPart(
            f"{len(missing)} of {plan.count} parts are missing, the first is {missing[0]}",
            part=missing[0],
            missing=missing[:_SHOWN],
            hint="GET /v1/uploads/{id}/parts tells what is there",
        )
    parts = [by_number[number] for number in range(1, plan.count + 1)]
    for part in parts:
        size = plan.place(part.number)[1]
        if part.size != size:
            raise InvalidPart(
                f"part {part.number} has {size} bytes, not {part.size}",
                part=part.number,
                limit=size,
                value=part.size,
                hint="send the part again",
            )
    return parts


def _hold(claim: Claim, part: Part, sums: Digested) -> None:
    number = part.number
    if claim.etag is not None and _bare(claim.etag) != _bare(part.etag):
        raise InvalidPart(
            f"part {number} has another ETag", part=number, field="etag", value=part.etag
        )
    if claim.size is not None and claim.size != part.size:
        raise InvalidPart(
            f"part {number} has {part.size} bytes, not {claim.size}",
            part=number,
            field="size",
            limit=claim.size,
            value=part.size,
        )
    if claim.sha256 is None:
        return
    etag, sha256 = sums.get(number, ("", b""))
    if etag != part.etag:
        raise InvalidPart(
            f"the SHA-256 of part {number} is not known",
            part=number,
            field="sha256",
            hint="send the part with Content-Digest, or claim its ETag alone",
        )
    if sha256 != claim.sha256:
        raise InvalidPart(
            f"part {number} has another SHA-256", part=number, field="sha256", value=sha256.hex()
        )


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _prefix(upload: Upload) -> str:
    return f"{upload.project}/{upload.id}/"
