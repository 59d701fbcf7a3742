"""Where a smaller rectangle lies in a larger one: by edge, offset or focal point."""

from typing import Final, Literal

from pydantic import Field

from mediakiln.operations.image.shape.lengths import Shift, pixels, rounded
from mediakiln.ports.operation import Params

Place = Literal[
    "centre",
    "north",
    "north-east",
    "east",
    "south-east",
    "south",
    "south-west",
    "west",
    "north-west",
]
"""One of nine places."""
Position = Literal[Place, "attention", "entropy", "faces"]
"""One of nine places, or how to look for one: the names of `focus.FINDERS`."""
SALIENT: Final = frozenset({"attention", "entropy", "faces"})
"""Positions that are found by looking at the pixels."""


class Offsets(Params):
    """How far from its place a rectangle lies."""

    offset_x: Shift = Field(
        default=0,
        description="Pixels, or percent of the width such as 10%, from the side that `position` "
        "names inwards; with no such side, to the right of the middle.",
    )
    offset_y: Shift = Field(
        default=0,
        description="Pixels, or percent of the height such as 10%, from the side that `position` "
        "names inwards; with no such side, downwards from the middle.",
    )


class Focus(Offsets):
    """A focal point, which goes before a position."""

    focus_x: float | None = Field(
        default=None,
        ge=0.0,
        le=1.0,
        description="Focal point, from 0 (left) to 1 (right): what is kept is centred on it as "
        "far as the image allows. Stands instead of `position`; without `focus_y`, at half.",
    )
    focus_y: float | None = Field(
        default=None,
        ge=0.0,
        le=1.0,
        description="Focal point, from 0 (top) to 1 (bottom); without `focus_x`, at half.",
    )

    @property
    def focused(self) -> bool:
        """Whether a focal point was given."""
        return self.focus_x is not None or self.focus_y is not None


def inside(
    params: Offsets,
    position: str,
    outer: tuple[int, int],
    inner: tuple[int, int],
    *,
    loose: bool = False,
) -> tuple[int, int]:
    """The left and top of `inner` in `outer`, both (width, height) in pixels.

    Never beyond it, or if it is `loose`, at least a pixel of it inside.
    """
    focus: tuple[float | None, float | None] = (None, None)
    if isinstance(params, Focus) and params.focused:
        focus, position = (params.focus_x, params.focus_y), "centre"
    left = _start(outer[0], inner[0], params.offset_x, focus[0], position, ("west", "east"))
    top = _start(outer[1], inner[1], params.offset_y, focus[1], position, ("north", "south"))
    starts = zip((left, top), outer, inner, strict=True)
    if loose:
        x, y = (min(max(start, 1 - part), whole - 1) for start, whole, part in starts)
    else:
        x, y = (min(max(start, 0), max(whole - part, 0)) for start, whole, part in starts)
    return x, y


def _start(
    outer: int,
    inner: int,
    offset: int | str,
    focus: float | None,
    position: str,
    sides: tuple[str, str],
) -> int:
    room, shift = outer - inner, rounded(pixels(offset, outer))
    if sides[0] in position:
        start = shift
    elif sides[1] in position:
        start = room - shift
    else:
        middle = room // 2 if focus is None else rounded(outer * focus - inner / 2)
        start = middle + shift
    return start
