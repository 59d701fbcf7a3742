"""What colours are wanted of pixels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.encoding import Encoding
    from mediakiln.operations.image.pixels.formats import Output

BYTE: Final = 8
DEEP: Final = 16
"""Bits a channel: the two depths that pixels are worked on with."""

_UNPROFILED: frozenset["Output"] = frozenset({"gif", "jxl"})
"""Formats whose encoders here take no profile."""


@dataclass(frozen=True, slots=True)
class Target:
    """A colour space, and bits a channel."""

    space: Literal["srgb", "p3", "source"] = "srgb"
    depth: int = BYTE


SRGB: Final = Target()


def target_of(encoding: "Encoding", output: "Output", depth: int = BYTE) -> Target:
    """What the parameters ask for, as far as the format can say it."""
    if output in _UNPROFILED:
        return Target("srgb", depth)
    if encoding.colour != "auto":
        return Target(encoding.colour, depth)
    return Target("source" if encoding.metadata in {"icc", "keep"} else "srgb", depth)
