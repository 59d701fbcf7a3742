"""What the stage gives: images that can be sent, and what is known of their originals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mediakiln.model.deliverable import Deliverable
from mediakiln.stages.derive.plan import Plan


@dataclass(frozen=True, slots=True)
class Derived:
    """An image that can be sent."""

    item: Deliverable
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the operation said of it: width, height, frames, format, and `original` with the same
    of the source."""
    data: bytes | None = None
    """Its bytes, where they are at hand because it was made just now."""
    plan: Plan | None = None
    """None for the source's own bytes."""


@dataclass(frozen=True, slots=True)
class Original:
    """What a source is: width and height in pixels, upright, and its format."""

    width: int
    height: int
    format: str

    @property
    def vector(self) -> bool:
        """Whether it has no pixels of its own, and is drawn at any size."""
        return self.format == "svg"
