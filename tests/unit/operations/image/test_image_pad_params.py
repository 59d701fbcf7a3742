"""Where image.pad puts the image, and where image.trim cuts it."""

from typing import Any

import pytest

from mediakiln.model.errors import InvalidRecipe
from mediakiln.operations.image.pixels.parts.box import Box
from mediakiln.operations.image.shape.pad import laid_out, pad
from mediakiln.operations.image.shape.pad_params import PadParams
from mediakiln.operations.image.shape.trim import TrimStep, box_within


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"padding": 5}, (110, 60, Box(5, 5, 100, 50))),
        ({"padding": 5, "left": 0, "bottom": 20}, (105, 75, Box(0, 5, 100, 50))),
        ({"width": 200}, (200, 50, Box(50, 0, 100, 50))),
        ({"width": 20, "height": 20}, (100, 50, Box(0, 0, 100, 50))),
        ({"width": 200, "height": 60, "position": "south-east"}, (200, 60, Box(100, 10, 100, 50))),
        ({"ratio": "1:1"}, (100, 100, Box(0, 25, 100, 50))),
        ({"ratio": "4:1"}, (200, 50, Box(50, 0, 100, 50))),
        ({"ratio": "2:1"}, (100, 50, Box(0, 0, 100, 50))),
        ({"ratio": "16:9", "height": 180, "position": "north"}, (320, 180, Box(110, 0, 100, 50))),
        ({"ratio": "1:1", "padding": 10, "position": "north"}, (120, 120, Box(10, 10, 100, 50))),
        ({"width": 200, "position": "west", "offset_x": 30}, (200, 50, Box(30, 0, 100, 50))),
    ],
)  # fmt: skip
def test_where_100_by_50_pixels_lie(params: dict[str, Any], expected: tuple[int, int, Box]) -> None:
    assert laid_out(PadParams.model_validate(params), 100, 50) == expected


@pytest.mark.parametrize(
    ("params", "phrase"),
    [
        ({}, "give padding"),
        ({"background": "#fff"}, "give padding"),
        ({"radius": "most"}, "radius"),
        ({"width": 10, "position": "attention"}, "position"),
    ],
)
def test_what_would_do_nothing_is_refused(params: dict[str, Any], phrase: str) -> None:
    with pytest.raises(InvalidRecipe, match=phrase):
        pad.parse(params)


def test_the_common_box_of_all_frames_is_cut_and_made_even_on_request() -> None:
    edges = [(10, 5, 30, 7), (12, 4, 20, 9)]
    assert box_within(edges, TrimStep(), 100, 50) == Box(10, 4, 70, 39)
    assert box_within(edges, TrimStep(equal_horizontal=True), 100, 50) == Box(10, 4, 80, 39)
    assert box_within(edges, TrimStep(equal_vertical=True), 100, 50) == Box(10, 4, 70, 42)
