"""What a tus upload's record holds beside what every upload's does (tus 1.0.0)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from blake3 import blake3
from pydantic import BaseModel, ConfigDict

from mediakiln.model.keys import PARTS_PREFIX
from mediakiln.model.upload import Offer, Upload
from mediakiln.ports.multipart import Part

PROTOCOL: Final = "tus"
PREFIX: Final = f"{PARTS_PREFIX}tus/"
"""Of objects in the input bucket that belong to tus uploads and are no files yet."""
_EXTRA: Final = "tus"


@dataclass(frozen=True, slots=True, kw_only=True)
class TusLimits:
    """What tus uploads keep to. Times are in seconds, sizes in bytes."""

    max_bytes: int = 5 << 40
    """Of a file."""
    expiry_s: float = 7 * 86400.0
    """How long an upload that nobody goes on with is kept."""
    lease_s: float = 8.0
    """How long an upload stays locked after its writer's process died, or its client fell
    silent. Shorter than the widely used clients try again."""
    patience_s: float = 1.0
    """How long a request waits for another's lock."""
    flush_bytes: int = 64 << 20
    """What is made durable at once, where that costs no memory."""
    hash_bytes: int = 64 << 20
    """Of files that come in one request, up to which the asset's checksum is found on the way:
    that takes time from other requests, and files of several requests have none anyhow."""
    gather_bytes: int = 8 << 20
    """What is gathered in memory, where a part's size must be known before it is sent."""
    flush_s: float = 5.0
    """After how long even less is made durable."""
    idle_s: float = 2.0
    """After how long a silence what came is made durable."""
    max_partials: int = 100
    """Of one concatenation."""
    used_kept_s: float = 3600.0
    """How long partial uploads stay after they were put into a final one."""

    @property
    def lease(self) -> timedelta:
        """The lease as a span."""
        return timedelta(seconds=self.lease_s)


class Tail(BaseModel):
    """Bytes that are too few for a part, as an object of their own."""

    model_config = ConfigDict(frozen=True)

    key: str
    size: int


class Position(BaseModel):
    """How far an upload is: `parts` parts, whose etags give `chain`, and perhaps a tail."""

    model_config = ConfigDict(frozen=True)

    offset: int = 0
    """With the tail."""
    parts: int = 0
    chain: str = ""
    tail: Tail | None = None

    def after(self, part: Part) -> Self:
        """The position once a part has followed, which has taken the tail in."""
        start = self.offset - (self.tail.size if self.tail else 0)
        return self.model_copy(
            update={
                "offset": start + part.size,
                "parts": part.number,
                "chain": chained(self.chain, part),
                "tail": None,
            }
        )


class TusState(BaseModel):
    """The door's own part of the record.

    Attributes:
        metadata: the Upload-Metadata header, as it came.
        concat: the Upload-Concat header, as it came.
        position: what is durable.
    """

    model_config = ConfigDict(frozen=True)

    metadata: str = ""
    concat: str = ""
    position: Position = Position()

    @property
    def partial(self) -> bool:
        """Whether this is a piece of a file that others complete."""
        return self.concat == "partial"

    @property
    def final(self) -> bool:
        """Whether this is made of partial uploads."""
        return self.concat.startswith("final")

    @classmethod
    def of(cls, upload: Upload) -> Self:
        """The state in a record."""
        return cls.model_validate(upload.extra[_EXTRA])

    def written(self, upload: Upload | None = None) -> dict[str, Any]:
        """The record's `extra` with this state in it."""
        kept = {} if upload is None else dict(upload.extra)
        return {**kept, _EXTRA: self.model_dump(mode="json")}


def new_upload(
    id: str, key: str, offer: Offer, state: TusState, *, by: str, now: datetime, life: timedelta
) -> Upload:
    """The record of an upload that begins."""
    return Upload.of(
        offer,
        id=id,
        protocol=PROTOCOL,
        key=key,
        by=by,
        created_at=now,
        expires_at=now + life,
        extra=state.written(),
    )


def moved(upload: Upload, position: Position) -> Upload:
    """The record once its upload stands at a position."""
    state = TusState.of(upload).model_copy(update={"position": position})
    return upload.model_copy(update={"offset": position.offset, "extra": state.written(upload)})


def is_whole(upload: Upload) -> bool:
    """Whether every byte is durable."""
    return upload.size is not None and upload.offset == upload.size


def chained(chain: str, part: Part) -> str:
    """A digest of all etags so far, with which a part that was replaced is noticed at the end.

    A writer whose lease was over may still commit its part in another's place.
    """
    return blake3(f"{chain}/{part.number}/{part.size}/{part.etag}".encode()).hexdigest(16)


def partial_key(project: str, id: str) -> str:
    """Where a partial upload's bytes lie once it is complete."""
    return f"{PREFIX}{project}/{id}/whole"


def tail_prefix(upload: Upload) -> str:
    """Where an upload's tails lie."""
    return f"{PREFIX}{upload.project}/{upload.id}/tail/"
