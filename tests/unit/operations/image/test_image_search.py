"""Searching a quality: few encodings, never over a budget, never below a target that can be met."""

import math
from collections.abc import Callable

import pytest

from mediakiln.operations.image.pixels.codecs import search


class Counted:
    """A function of levels that counts how often it is asked."""

    def __init__(self, function: Callable[[int], float]) -> None:
        self.asked = 0
        self._function = function

    def size(self, level: int) -> int:
        self.asked += 1
        return int(self._function(level))

    def score(self, level: int) -> float:
        self.asked += 1
        return self._function(level)


@pytest.mark.parametrize("growth", [0.01, 0.03, 0.06])
@pytest.mark.parametrize("budget", [300, 1_000, 4_000, 20_000, 10**6])
def test_a_budget_is_used_and_never_exceeded(growth: float, budget: int) -> None:
    sizes = Counted(lambda level: 250 * math.exp(growth * level))
    found = search.within(sizes.size, 1, 90, budget)
    assert sizes.asked <= search.MOST_ENCODINGS
    assert found.met
    assert sizes.size(found.level) <= budget
    assert found.level == 90 or sizes.size(found.level + 3) > budget * 0.9


def test_without_a_level_that_fits_the_lowest_is_told() -> None:
    sizes = Counted(lambda level: 1000 + level)
    assert search.within(sizes.size, 1, 100, 1000) == search.Found(1, met=False)
    assert sizes.asked <= search.MOST_ENCODINGS
    assert search.within(lambda _: 7, 3, 3, 6) == search.Found(3, met=False)


def test_palettes_are_tried_from_the_best_and_their_sizes_need_no_order() -> None:
    sizes = [90, 120, 110, 100, 200]
    assert search.descending(sizes.__getitem__, 0, 4, 115) == search.Found(3, met=True)
    assert search.descending(sizes.__getitem__, 0, 4, 80) == search.Found(0, met=False)


@pytest.mark.parametrize("floor", [-40, 20, 60])
@pytest.mark.parametrize("target", [50, 75, 90])
@pytest.mark.parametrize("width", [20, 45, 70])
def test_the_lowest_level_that_reaches_a_target_is_found(
    floor: float, target: float, width: float
) -> None:
    scores = Counted(lambda level: 100 - (100 - floor) * math.exp(-level / width))
    found = search.reaching(scores.score, 1, 100, target, 75)
    assert scores.asked <= search.MOST_ENCODINGS
    if scores.score(100) < target:
        assert found == search.Found(100, met=False)
        return
    assert found.met
    assert scores.score(found.level) >= target
    below = found.level - 4
    assert below < 1 or scores.score(below) < target
