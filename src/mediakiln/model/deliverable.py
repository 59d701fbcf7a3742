"""What can be sent to whoever asks."""

from dataclasses import dataclass
from pathlib import Path

from mediakiln.model.keys import Bucket


@dataclass(frozen=True, slots=True)
class Deliverable:
    """Bytes that can be sent: where they are, what they are, and what tells them from others."""

    bucket: Bucket
    key: str
    size: int
    etag: str
    """A strong validator, without quotes; products' are their checksum."""
    media_type: str
    filename: str
    immutable: bool
    """The same URL will never show other bytes, unless a new run replaces the product."""
    path: Path | None
    """Where the bytes are on this machine, for stores that have them there."""
