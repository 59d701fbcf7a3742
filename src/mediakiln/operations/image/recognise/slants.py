"""Where bars seem to stand aslant, and how: what readers along rows and columns would miss.

A line along a row goes over all bars of a tilted code only where the code is high for its length.
So long codes need to be turned by what they are tilted, rather than by 45 degrees.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mediakiln.operations.image.recognise.found import Pixels

_CELL: Final = 16
"""Pixels a side of the squares that are looked at by themselves."""
_STRIP: Final = 16 * _CELL
_LEAST_CONTRAST: Final = 400.0
"""Mean square of the change from one pixel to the next but one, in levels of 255."""
_COHERENT: Final = 0.8
"""How much of the change goes one way: (l1 - l2) / (l1 + l2) of the structure tensor."""
_STRAIGHT: Final = 4.0
"""Degrees from the rows, columns or diagonals at which others read even long codes."""
_NEAR: Final = 5.0
_APART: Final = 8.0
"""Degrees within which cells are of one code, and beyond which of another."""
_BIN: Final = 2
_NEIGHBOURS: Final = 4
"""Of eight, that go the same way: edges of houses and roofs are lines, bars fill an area."""
_LEAST_CELLS: Final = 6
_MOST: Final = 3
_MARGIN: Final = 3 * _CELL
"""Pixels around: readers want to see some white before the first bar."""


@dataclass(frozen=True, slots=True)
class Slant:
    """Bars of one direction."""

    degrees: float
    """From the rows to the line across the bars, clockwise as the image is seen."""
    box: tuple[int, int, int, int]
    """Left, top, right and bottom of where they are, with a margin, in pixels."""


def slants(grey: Pixels) -> list[Slant]:
    """Directions of what looks like bars and is not along rows, columns or diagonals.

    Args:
        grey: (height, width), 8 bits.

    Returns:
        At most three, that of the most bars first.
    """
    if min(grey.shape) < _CELL:
        return []
    angles, bars = _cells(grey)
    left = bars & (np.abs((angles + 22.5) % 45 - 22.5) > _STRAIGHT)
    found: list[Slant] = []
    while len(found) < _MOST and (usual := _usual(angles[left])) is not None:
        away = np.abs((angles - usual + 90) % 180 - 90)
        alike = left & (away <= _NEAR)
        left &= away > _APART
        alike &= _around(alike) >= _NEIGHBOURS
        if alike.sum() >= _LEAST_CELLS:
            exact = usual + float(((angles - usual + 90) % 180 - 90)[alike].mean())
            found.append(Slant(exact, _box(alike, grey)))
    return found


def _cells(grey: Pixels) -> tuple[Any, Any]:
    """Of each cell the direction of most change, in degrees, and whether it may be of bars."""
    height, width = (length // _CELL * _CELL for length in grey.shape)
    framed = np.pad(grey[:height, :width], 1, "edge")
    strips = [
        _tensor(framed[top : min(top + _STRIP, height) + 2].astype(np.float32))
        for top in range(0, height, _STRIP)
    ]
    across, down, both = (np.concatenate(part) for part in zip(*strips, strict=True))
    change = across + down
    coherent = np.hypot(across - down, 2 * both) > _COHERENT * change
    angles = np.degrees(0.5 * np.arctan2(2 * both, across - down))
    return angles, coherent & (change > _LEAST_CONTRAST)


def _tensor(framed: Any) -> tuple[Any, Any, Any]:
    """The structure tensor's three numbers for each cell of a strip with a frame of a pixel.

    Of Scharr's derivatives, which lean to no direction ("Optimal operators in digital image
    processing", 2000).
    """
    x, y = framed[:, 2:] - framed[:, :-2], framed[2:] - framed[:-2]
    across = (3 * (x[:-2] + x[2:]) + 10 * x[1:-1]) / 16
    down = (3 * (y[:, :-2] + y[:, 2:]) + 10 * y[:, 1:-1]) / 16
    rows, columns = (length // _CELL for length in across.shape)
    first, second, third = (
        values.reshape(rows, _CELL, columns, _CELL).mean(axis=(1, 3))
        for values in (across * across, down * down, across * down)
    )
    return first, second, third


def _usual(angles: Any) -> float | None:
    """The direction that most cells have, roughly; None where too few have the same."""
    counts = np.histogram(angles % 180, bins=180 // _BIN, range=(0, 180))[0]
    near = np.sum([np.roll(counts, shift) for shift in range(-2, 3)], axis=0)
    most = int(np.argmax(near))
    return None if near[most] < _LEAST_CELLS else (most + 0.5) * _BIN


def _around(cells: Any) -> Any:
    """How many of each cell's eight neighbours are set."""
    framed = np.pad(cells.astype(np.int8), 1)
    height, width = cells.shape
    shifts = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    return sum(framed[y : y + height, x : x + width] for y, x in shifts)


def _box(cells: Any, grey: Pixels) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(cells)
    height, width = grey.shape
    return (
        max(0, int(columns.min()) * _CELL - _MARGIN),
        max(0, int(rows.min()) * _CELL - _MARGIN),
        min(width, (int(columns.max()) + 1) * _CELL + _MARGIN),
        min(height, (int(rows.max()) + 1) * _CELL + _MARGIN),
    )
