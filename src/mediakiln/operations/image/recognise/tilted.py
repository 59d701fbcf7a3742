"""Linear codes that stand aslant.

ZXing goes over a picture along its rows and its columns. That reads linear codes which are tilted
by up to some 25 degrees against either; what lies between is read along the rows and columns of
the picture turned by 45 degrees. Matrix codes have marks by which they are found at any angle.
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


def turned(grey: Pixels) -> tuple[Pixels, Callable[[Point], Point]]:
    """A grey picture turned by 45 degrees on white, and what leads places in it back.

    Args:
        grey: (height, width), 8 bits.
    """
    import numpy as np
    from PIL import Image

    height, width = grey.shape
    around = (width + height) / _DIAGONAL
    larger = max(1.0, min(_DIAGONAL, _LONGEST / around))
    side, step = math.ceil(around * larger), 1 / (_DIAGONAL * larger)
    left, top = width / 2 - side * step, height / 2
    picture = Image.fromarray(np.ascontiguousarray(grey)).transform(
        (side, side),
        Image.Transform.AFFINE,
        (step, step, left, -step, step, top),
        Image.Resampling.BILINEAR,
        fillcolor=_WHITE,
    )

    def back(place: Point) -> Point:
        x, y = place
        return left + step * (x + y), top + step * (y - x)

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
