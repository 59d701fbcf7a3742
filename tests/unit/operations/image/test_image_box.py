"""Boxes and turns, against the same done to an array."""

import numpy as np
import pytest

from mediakiln.operations.image.pixels.parts.box import FLIPPED, UNTURNED, UPRIGHT, Box, Turn

TURNS = [Turn(mirrored, quarters) for mirrored in (False, True) for quarters in range(4)]
PLAIN = np.arange(15).reshape(3, 5)


def turned(array: np.ndarray, turn: Turn) -> np.ndarray:
    """numpy turns counterclockwise."""
    return np.rot90(np.fliplr(array) if turn.mirrored else array, -turn.quarters)


@pytest.mark.parametrize("one", TURNS)
def test_one_turn_after_another_is_one_turn(one: Turn) -> None:
    for other in TURNS:
        assert np.array_equal(turned(PLAIN, one.then(other)), turned(turned(PLAIN, one), other))


@pytest.mark.parametrize("turn", TURNS)
def test_a_turn_and_its_inverse_leave_everything_as_it_was(turn: Turn) -> None:
    assert turn.then(turn.inverse).identity
    assert turn.inverse.then(turn).identity
    assert turned(PLAIN, turn).shape == turn.size(5, 3)[::-1]


@pytest.mark.parametrize("turn", TURNS)
def test_a_box_of_the_turned_image_is_found_in_the_image_before(turn: Turn) -> None:
    box = Box(1, 0, 2, 3) if turn.quarters % 2 else Box(2, 1, 3, 1)
    after = turned(PLAIN, turn)[box.top : box.top + box.height, box.left : box.left + box.width]
    there = turn.before(box, 5, 3)
    before = PLAIN[there.top : there.top + there.height, there.left : there.left + there.width]
    assert np.array_equal(turned(before, turn), after)


def test_flips_and_orientations_are_what_they_are_called() -> None:
    assert np.array_equal(turned(PLAIN, FLIPPED), np.flipud(PLAIN))
    assert np.array_equal(turned(PLAIN, UPRIGHT[5]), PLAIN.T)
    assert len({UNTURNED, *UPRIGHT.values()}) == 8


@pytest.mark.parametrize(
    ("box", "factor", "expected"),
    [
        (Box(8, 16, 80, 40), 8, Box(1, 2, 10, 5)),
        (Box(3, 5, 1, 1), 8, Box(0, 1, 1, 1)),
        (Box(99, 99, 1, 1), 8, Box(12, 12, 1, 1)),
        (Box(0, 0, 100, 100), 8, Box(0, 0, 12, 12)),
        (Box(10, 10, 20, 20), 0.5, Box(20, 20, 40, 40)),
    ],
)
def test_a_box_shrinks_with_its_image_and_stays_in_it(
    box: Box, factor: float, expected: Box
) -> None:
    size = (13, 13) if factor > 1 else (200, 200)
    assert box.shrunk(factor, *size) == expected
