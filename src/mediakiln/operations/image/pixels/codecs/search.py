"""Find the quality that a byte budget or a wanted score asks for, in few encodings.

Levels are whole numbers, worst first. Size and score both grow with them, nearly: what is
found was measured, so a budget is never exceeded by what an encoder does between its levels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MOST_ENCODINGS: Final = 8
_CLOSE = 0.95
"""A file of at least this part of its budget is good enough."""
_CLOSE_SCORE = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """A level, and whether it is what was asked for; else it is the nearest there is."""

    level: int
    met: bool


def within(size: Callable[[int], int], lowest: int, highest: int, budget: int) -> Found:
    """The highest level whose file has at most `budget` bytes, or one nearly as high.

    `size` encodes at a level and says how many bytes came out; it is asked at most
    `MOST_ENCODINGS` times, at the highest level first.
    """
    sizes = {highest: size(highest)}
    if sizes[highest] <= budget:
        return Found(highest, met=True)
    fits, over = lowest - 1, highest
    while over - fits > 1 and len(sizes) < MOST_ENCODINGS - 1:
        level = _level_of(budget, sizes, fits if fits >= lowest else None, over)
        level = min(max(level, fits + 1), over - 1)
        sizes[level] = size(level)
        if sizes[level] > budget:
            over = level
            continue
        fits = level
        if sizes[level] >= _CLOSE * budget:
            break
    if fits >= lowest:
        return Found(fits, met=True)
    return Found(lowest, met=over != lowest and size(lowest) <= budget)


def descending(size: Callable[[int], int], lowest: int, highest: int, budget: int) -> Found:
    """The highest of a few levels whose file has at most `budget` bytes; else the smallest file's.

    For palettes: dithering can make a file of few colours larger than one of many.
    """
    sizes: dict[int, int] = {}
    for level in range(highest, lowest - 1, -1):
        sizes[level] = size(level)
        if sizes[level] <= budget:
            return Found(level, met=True)
    return Found(min(sizes, key=lambda level: sizes[level]), met=False)


def reaching(
    score: Callable[[int], float], lowest: int, highest: int, target: float, start: int
) -> Found:
    """The lowest level whose score is at least `target`, or one that is hardly better.

    `score` encodes at a level and scores the result; it is asked at most `MOST_ENCODINGS`
    times, at `start` first.
    """
    below, below_score = lowest - 1, -math.inf
    enough, enough_score = highest + 1, math.inf
    level = min(max(start, lowest), highest)
    for left in reversed(range(MOST_ENCODINGS)):
        found = score(level)
        if found < target:
            below, below_score = level, found
        else:
            enough, enough_score = level, found
            if found - target <= _CLOSE_SCORE:
                break
        if enough - below <= 1:
            break
        level = _towards(below, below_score, enough, enough_score, target)
        if left == 1 and enough > highest:
            level = highest
    if enough <= highest:
        return Found(enough, met=True)
    return Found(highest, met=False)


def _level_of(budget: int, sizes: dict[int, int], fits: int | None, over: int) -> int:
    """Where the budget is on a line through two levels' logarithms of sizes."""
    beyond = [level for level in sizes if level > over]
    other = fits if fits is not None else min(beyond, default=None)
    if other is None:
        # Sizes fall by a little less than levels do, at first.
        return math.floor(over * math.pow(budget / sizes[over], 1.2))
    rise = math.log(sizes[over] / max(sizes[other], 1)) / (over - other)
    if rise <= 0:
        return over // 2
    # A step further, where the line goes beyond what is known: sizes have a floor.
    return math.floor(over - math.log(sizes[over] / budget) / rise) - (fits is None)


def _towards(below: int, below_score: float, enough: int, enough_score: float, want: float) -> int:
    """Where the target is on a line through both scores, or half-way where one is unknown."""
    if math.isinf(below_score):
        guess = enough - max((enough_score - want) * 1.4, 4)
    elif math.isinf(enough_score):
        guess = below + max((want - below_score) * 1.4, 4)
    else:
        part = (want - below_score) / (enough_score - below_score)
        guess = below + (enough - below) * part
    return min(max(math.ceil(guess), below + 1), enough - 1)
