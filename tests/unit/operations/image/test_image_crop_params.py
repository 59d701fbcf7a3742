"""What image.crop keeps, and what it refuses."""

from typing import Any

import pytest

from mediakiln.model.errors import InvalidRecipe, OutsideImage
from mediakiln.operations.image.pixels.parts.box import Box
from mediakiln.operations.image.shape.crop import crop, kept
from mediakiln.operations.image.shape.crop_params import CropParams


def box(**params: Any) -> Box:
    return kept(CropParams.model_validate(params), 400, 200, lambda window: (window[0] % 7, 3))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"left": 10, "top": 20, "width": 30, "height": 40}, Box(10, 20, 30, 40)),
        ({"left": "25%", "top": "50%", "width": "50%", "height": "12.5%"}, Box(100, 100, 200, 25)),
        ({"left": 10, "width": "10%"}, Box(10, 0, 40, 200)),
        ({"top": 150}, Box(0, 150, 400, 50)),
        ({"left": 350, "top": 150, "width": 900, "height": 900}, Box(350, 150, 50, 50)),
        ({"left": -50, "top": "-10%", "width": 100, "height": 50}, Box(0, 0, 50, 30)),
        ({"left": "99.9%", "width": "0.01%"}, Box(399, 0, 1, 200)),
        ({"left": "0.0%", "width": "33.333333333333%"}, Box(0, 0, 133, 200)),
        ({"width": 100}, Box(150, 0, 100, 200)),
        ({"width": 100, "height": 50, "position": "south-east"}, Box(300, 150, 100, 50)),
        ({"width": 999, "height": 50, "position": "north"}, Box(0, 0, 400, 50)),
        ({"ratio": "1:1"}, Box(100, 0, 200, 200)),
        ({"ratio": "16:9", "position": "west"}, Box(0, 0, 356, 200)),
        ({"ratio": "1:2", "width": 50, "height": 50, "position": "west"}, Box(0, 75, 25, 50)),
        ({"width": 100, "height": 100, "focus_x": 0.5, "focus_y": 0.5}, Box(150, 50, 100, 100)),
        ({"width": 100, "height": 100, "focus_x": 1.0, "focus_y": 0.0}, Box(300, 0, 100, 100)),
        ({"width": 100, "height": 100, "focus_x": 0.3}, Box(70, 50, 100, 100)),
        ({"width": 9, "height": 9, "position": "north-west", "offset_x": 20}, Box(20, 0, 9, 9)),
        ({"width": 99, "position": "south-east", "offset_x": "10%"}, Box(261, 0, 99, 200)),
        ({"height": 99, "position": "south-east", "offset_y": 5}, Box(0, 96, 400, 99)),
        ({"width": 100, "height": 100, "offset_x": -500, "offset_y": "10%"}, Box(0, 70, 100, 100)),
        ({"width": 100, "height": 50, "position": "attention"}, Box(2, 3, 100, 50)),
    ],
)  # fmt: skip
def test_what_is_kept_of_400_by_200_pixels(params: dict[str, Any], expected: Box) -> None:
    assert box(**params) == expected


@pytest.mark.parametrize(
    "params",
    [{"left": 400}, {"left": -50, "width": 50}, {"top": -10, "height": 3}],
)
def test_a_box_wholly_outside_is_refused_with_the_reason(params: dict[str, Any]) -> None:
    with pytest.raises(OutsideImage, match="outside the image") as refused:
        box(**params)
    assert refused.value.context["limit"] in {200, 400}


@pytest.mark.parametrize(
    ("params", "phrase"),
    [
        ({}, "give a box"),
        ({"position": "north"}, "give a box"),
        ({"left": 1, "ratio": "1:1"}, "leave out ratio"),
        ({"left": 1, "position": "north"}, "leave out position"),
        ({"top": 1, "focus_x": 0.5, "offset_y": 2}, "leave out focus_x, offset_y"),
        ({"top": "100%"}, "outside every image"),
        ({"width": 0}, "width"),
        ({"width": "5 %"}, "width"),
        ({"ratio": "16x9"}, "a ratio is"),
        ({"ratio": "0:9"}, "a ratio is"),
        ({"focus_x": 1.5, "width": 1}, "focus_x"),
    ],
)
def test_what_makes_no_sense_is_named(params: dict[str, Any], phrase: str) -> None:
    with pytest.raises(InvalidRecipe, match=phrase):
        crop.parse(params)
