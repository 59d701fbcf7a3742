"""How far the bars of a linear code reach.

A reader goes along lines across the bars: what it saw of a tilted code is a strip, and the bars
above and below are still there to be read.
"""

from typing import Any, Final

import numpy as np

from mediakiln.operations.image.recognise.found import Pixels

Point = tuple[float, float]

_LIKE: Final = 0.5
"""The least correlation with the line that was read, of one that goes over the same bars."""
_INSIDE: Final = 0.25
"""The least part of a line that must lie in the image."""
_GAP: Final = 0.02
"""Of the code's length: what may lie between lines over the same bars, such as a scratch."""
_ASIDE: Final = np.arange(-2, 3)
"""Pixels by which a line may be shifted against its neighbour, where bars are seen from aside."""
_LEAST: Final = 8
"""Pixels of a code that is worth following."""


def reach(grey: Pixels, corners: list[Point]) -> list[Point]:
    """Corners around the whole of the bars of a code.

    Args:
        grey: the image, (height, width), 8 bits.
        corners: of what the reader saw: where it begins above, ends above, ends below and begins
            below, as the code is read.
    """
    points = np.array(corners, float)
    start, end = (points[0] + points[3]) / 2, (points[1] + points[2]) / 2
    across, bars = _directions(grey, points)
    length = abs(float((end - start) @ across))
    if length < _LEAST:
        return corners
    places = (start + end) / 2 + np.outer(np.arange(length) - length / 2, across)
    return corners + [
        corner for way in (bars, -bars) for corner in _followed(grey, places, across, way)
    ]


def _directions(grey: Pixels, points: Any) -> tuple[Any, Any]:
    """Unit vectors across the bars, where most changes, and along them (the structure tensor's)."""
    left, top = np.maximum(points.min(axis=0).astype(int) - 2, 0)
    right, bottom = points.max(axis=0).astype(int) + 3
    down, across = np.gradient(grey[top:bottom, left:right].astype(float))
    tensor = [[np.sum(across**2), np.sum(across * down)], [np.sum(across * down), np.sum(down**2)]]
    along, over = np.linalg.eigh(tensor)[1].T
    return over, along


def _followed(grey: Pixels, places: Any, across: Any, bars: Any) -> list[Point]:
    """The two ends of the last line, that way along the bars, which goes over the same ones."""
    read, _ = _line(grey, places)
    most, gap = sum(grey.shape), max(3, round(len(places) * _GAP))
    last, aside, missed = places, 0.0, 0
    for step in range(1, most):
        shifts = aside + _ASIDE
        lines = [places + step * bars + shift * across for shift in shifts]
        likeness = [_likeness(grey, read, line) for line in lines]
        best = int(np.argmax(likeness))
        if likeness[best] >= _LIKE:
            last, aside, missed = lines[best], float(shifts[best]), 0
        else:
            missed += 1
        if missed > gap:
            break
    return [(float(x), float(y)) for x, y in np.rint(last[[0, -1]])]


def _line(grey: Pixels, places: Any) -> tuple[Any, Any]:
    """The pixels at these places, and which of the places lie in the image."""
    columns, rows = np.rint(places).astype(int).T
    height, width = grey.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    found = grey[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return found.astype(float), inside


def _likeness(grey: Pixels, read: Any, places: Any) -> float:
    """The correlation of a line with the one that was read; 0 where too little of it is there."""
    found, inside = _line(grey, places)
    if inside.mean() < _INSIDE:
        return 0.0
    one, other = read[inside] - read[inside].mean(), found[inside] - found[inside].mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale else 0.0
