"""Sources: the files that images are derived from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from blake3 import blake3

from mediakiln.model.asset import Asset
from mediakiln.model.keys import Bucket

Fetch = Callable[[Path], Awaitable[None]]
"""Writes the source's bytes to a new local file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that images can be derived from: an asset's upload, a product, or a file elsewhere.

    Either `key` says where it lies in the store, or `fetch` brings it.
    """

    project: str
    id: str
    """Of the asset; of a file elsewhere, `elsewhere(address)`. A purge names it."""
    identity: str
    """What tells its bytes from others: a checksum, an ETag. Other bytes have another identity."""
    name: str = ""
    """Its file name, for whoever saves what is derived from it."""
    media_type: str = ""
    """As its content shows it; empty where nobody has looked."""
    size: int | None = None
    """Bytes, where that is known."""
    sides: tuple[int, int] | None = None
    """Width and height in pixels, where they are known."""
    epoch: int = 0
    """How often what was derived from it has been purged."""
    bucket: Bucket = Bucket.INPUT
    key: str | None = None
    etag: str | None = None
    """The object's, where hands other than ours could overwrite it: checked before it is read."""
    fetch: Fetch | None = None
    origin: str = ""
    """Who is asked for its bytes: a host, a bucket; empty for the store."""

    @property
    def pixels(self) -> int | None:
        """Width times height, where they are known."""
        return None if self.sides is None else self.sides[0] * self.sides[1]

    @classmethod
    def of(cls, asset: Asset) -> Self:
        """An asset's upload."""
        width, height = asset.metadata.get("width"), asset.metadata.get("height")
        source, sides = asset.source, None
        if isinstance(width, int) and isinstance(height, int):
            sides = width, height
        return cls(
            project=asset.project,
            id=asset.id,
            identity=asset.checksum or f"{source.key}@{source.version or source.etag}",
            name=asset.name,
            media_type=asset.media_type or "",
            size=asset.bytes,
            sides=sides,
            epoch=asset.epoch,
            key=source.key,
            etag=None if asset.checksum else source.etag,
        )


def elsewhere(address: str) -> str:
    """The id of a source that is no asset, by its address: what a purge is to name."""
    return f"at-{blake3(address.encode()).hexdigest(length=16)}"
