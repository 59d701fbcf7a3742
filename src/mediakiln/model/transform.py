"""An image asked for by address: what every grammar of addresses comes down to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Transform:
    """What is to be done: the parameters of `image.transform`, and what the client may choose."""

    steps: tuple[Mapping[str, Any], ...] = ()
    """Edits in their order, as `image.transform` takes them: `op`, then its own parameters."""
    encoding: Mapping[str, Any] = field(default_factory=dict)
    """Encoding parameters: format, quality, …."""
    negotiated: bool = False
    """The format is the best that the request's Accept header names: AVIF, WebP, else the usual."""
    raw: bool = False
    """The source's own bytes, untouched."""

    def params(self) -> dict[str, Any]:
        """The parameters of `image.transform`, not yet validated."""
        return {**self.encoding, "steps": [dict(step) for step in self.steps]}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One address, understood: which file, what is to be done, and how it is handed over."""

    source: str
    """An asset's id, a product's `{id}/{step}[/{file}]`, or an address that the grammar allows:
    https://…, s3://bucket/key."""
    transform: Transform
    expires: float | None = None
    """Unix time in seconds after which the address is no longer served."""
    filename: str | None = None
    """Offered to whoever saves it; without extension."""
    attachment: bool = False
    """Saved rather than shown."""
    version: str | None = None
    """Whatever the address says to make caches see a new one: what it shows may be kept for ever.
    Of no other effect."""
    hints: tuple[str, ...] = ()
    """Request headers besides Accept that had a say in the transform, such as Sec-CH-Width: the
    answer varies with them."""
