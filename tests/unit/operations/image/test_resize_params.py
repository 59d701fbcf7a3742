"""What image.resize accepts, and what it says of the rest."""

from typing import Any

import pytest

from mediakiln.model.errors import InvalidRecipe
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.edit.resize_params import ResizeParams


def test_a_misspelt_parameter_is_recognised() -> None:
    with pytest.raises(InvalidRecipe) as refused:
        resize.parse({"wdith": 10})
    assert refused.value.context["hint"] == "did you mean width?"


def test_a_misspelt_word_is_recognised() -> None:
    with pytest.raises(InvalidRecipe) as refused:
        resize.parse({"width": 10, "format": "jpg"})
    assert refused.value.context["hint"] == "did you mean jpeg?"


def test_a_field_of_several_kinds_is_named_as_it_is_written_with_all_that_it_takes() -> None:
    with pytest.raises(
        InvalidRecipe, match=r"quality: must be a whole number from 1 to 100, or auto"
    ) as told:
        resize.parse({"width": 10, "quality": "best"})
    assert told.value.context["field"] == "quality"


@pytest.mark.parametrize(
    ("params", "phrase"),
    [
        ({}, "^image.resize: give width, height or widths"),
        ({"width": 10, "background": "x"}, "^image.resize: background: a colour is"),
        ({"width": 0}, "must be a whole number from 1 to 16383"),
        ({"width": 16384}, "must be a whole number from 1 to 16383"),
        ({"widths": [100], "width": 100}, "instead of"),
        ({"widths": [100], "dpr": 2}, "leave dpr out"),
        ({"widths": [100, 100]}, "differ"),
        ({"widths": list(range(1, 18))}, "at most 16"),
        ({"width": 10, "format": "gif", "quality": 50}, "gif has no quality"),
        ({"width": 10, "format": "jpeg", "lossless": True}, "cannot be lossless"),
        ({"width": 10, "format": "webp", "progressive": True}, "cannot be progressive"),
        ({"width": 10, "position": "attention"}, "needs fit cover"),
        ({"width": 10, "focus_y": 0.5}, "need fit cover"),
        ({"widths": [100], "min_height": 10}, "instead of"),
        ({"width": 10, "background": "reddish"}, "a colour is"),
        ({"width": 10, "background": "#12345"}, "a colour is"),
        ({"width": 10, "format": "bmp"}, "must be auto, compatible, jpeg"),
    ],
)
def test_what_contradicts_itself_is_refused_with_the_reason(
    params: dict[str, Any], phrase: str
) -> None:
    with pytest.raises(InvalidRecipe, match=phrase):
        resize.parse(params)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("#fff", "#ffffffff"),
        ("#12345678", "#12345678"),
        ("#AbC8", "#aabbcc88"),
        ("#102030", "#102030ff"),
        ("White", "#ffffffff"),
        ("transparent", "#00000000"),
        ("Navy", "#000080ff"),
        ("rebeccapurple", "#663399ff"),
    ],
)
def test_colours_have_one_canonical_form(given: str, meant: str) -> None:
    assert ResizeParams(width=1, background=given).background == meant
