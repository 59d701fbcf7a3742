"""Linear codes that stand aslant.

ZXing goes over a picture along its rows and its columns. That reads linear codes which are tilted
by up to some 25 degrees against either, unless they are long; what lies between is read along the
rows and columns of the picture turned by 45 degrees, and long ones where they are seen to stand
aslant, by how much (`slants`). Matrix codes have marks by which they are found at any angle.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from mediakiln.operations.image.recognise.found import Pixels

Point: TypeAlias = tuple[float, float]

_DIAGONAL: Final = math.sqrt(2)
"""To keep what is as fine as a pixel, the turned picture is so many times as large."""
_LONGEST: Final = 4_000
"""Pixels of a side of the turned picture, unless it has more without being enlarged."""
_WHITE: Final = 255


@dataclass(frozen=True, slots=True)
class Seen:
    """A code as it was read."""

    text: str
    format: str
    corners: Sequence[Point]
    """Where it begins above, ends above, ends below and begins below, as the code is read; more
    may follow."""


def turned(
    grey: Pixels, degrees: float = -45.0, box: tuple[int, int, int, int] | None = None
) -> tuple[Pixels, Callable[[Point], Point]]:
    """A grey picture turned back by so many degrees on white, and what leads places in it back.

    Args:
        grey: (height, width), 8 bits.
        degrees: what becomes a row: from the rows, clockwise as the picture is seen.
        box: left, top, right and bottom of the part that is meant; all of it by default.
    """
    import numpy as np
    from PIL import Image

    left, top, right, bottom = box or (0, 0, *grey.shape[::-1])
    width, height = right - left, bottom - top
    across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    sides = (
        abs(width * across) + abs(height * down),
        abs(width * down) + abs(height * across),
    )
    larger = max(1.0, min(_DIAGONAL, _LONGEST / max(sides)))
    wide, high = (math.ceil(side * larger) for side in sides)
    x, y = across / larger, down / larger
    start = left + (width - x * wide + y * high) / 2, top + (height - y * wide - x * high) / 2
    picture = Image.fromarray(np.ascontiguousarray(grey)).transform(
        (wide, high),
        Image.Transform.AFFINE,
        (x, -y, start[0], y, x, start[1]),
        Image.Resampling.BILINEAR,
        fillcolor=_WHITE,
    )

    def back(place: Point) -> Point:
        return (
            start[0] + x * place[0] - y * place[1],
            start[1] + y * place[0] + x * place[1],
        )

    return np.asarray(picture), back


def together(seen: Sequence[Seen]) -> list[Seen]:
    """What readings of one picture saw, with each linear code once.

    Where several lie over one another, the one with the longest text is right, since in a tilted
    code without a check digit a part may be read as a whole. It has the corners of all.
    """
    whole: list[Seen] = []
    for other in seen:
        same = [each for each in whole if _over(each, other) or _over(other, each)]
        right = max((*same, other), key=lambda each: len(each.text))
        corners = [*right.corners, *(at for one in (*same, other) for at in one.corners)]
        whole = [each for each in whole if each not in same]
        whole.append(Seen(right.text, right.format, corners))
    return whole


def _over(one: Seen, other: Seen) -> bool:
    """Whether the middle of the other lies in the rectangle along the lines that were read."""
    import numpy as np

    points, middle = np.array(one.corners), np.mean(other.corners[:4], axis=0)
    along = points[1] + points[2] - points[0] - points[3]
    if not along.any():
        return False
    axes = np.array([along, (-along[1], along[0])])
    spans, place = points @ axes.T, axes @ middle
    return bool(((spans.min(axis=0) <= place) & (place <= spans.max(axis=0))).all())
