"""Sizes: every fit, with and without enlargement."""

from typing import Any

import pytest

from mediakiln.model.errors import LimitExceeded, TooManyPixels
from mediakiln.operations.image.edit.geometry import Layout, check, layout, layouts
from mediakiln.operations.image.edit.resize_params import ResizeParams
from mediakiln.stages.recipes import BUILT_IN

WIDE = (1000, 500)
SMALL = (100, 50)


def _layout(size: tuple[int, int], *, enlarge: bool = False, **box: Any) -> Layout:
    return layout(ResizeParams.model_validate(box), *size, enlarge=enlarge)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ({"width": 200}, (200, 100, 200, 100)),
        ({"height": 100}, (200, 100, 200, 100)),
        ({"width": 200, "height": 200}, (200, 100, 200, 100)),
        ({"width": 200, "height": 200, "fit": "outside"}, (400, 200, 400, 200)),
        ({"width": 200, "height": 200, "fit": "cover"}, (400, 200, 200, 200)),
        ({"width": 200, "height": 200, "fit": "contain"}, (200, 100, 200, 200)),
        ({"width": 200, "height": 200, "fit": "fill"}, (200, 200, 200, 200)),
        ({"width": 100, "dpr": 2.0}, (200, 100, 200, 100)),
        ({"width": 1}, (1, 1, 1, 1)),
        ({"width": 25}, (25, 13, 25, 13)),
        ({"width": 333, "height": 333, "fit": "cover"}, (666, 333, 333, 333)),
    ],
)
def test_a_large_image_is_scaled_down(
    box: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    assert _layout(WIDE, **box) == Layout(*expected)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ({"width": 200}, (100, 50, 100, 50)),
        ({"width": 200, "height": 200, "fit": "cover"}, (100, 50, 50, 50)),
        ({"width": 400, "height": 100, "fit": "cover"}, (100, 50, 100, 25)),
        ({"width": 200, "height": 200, "fit": "contain"}, (100, 50, 200, 200)),
        ({"width": 200, "height": 20, "fit": "fill"}, (100, 20, 100, 20)),
        ({"width": 200, "height": 200, "fit": "outside"}, (100, 50, 100, 50)),
    ],
)
def test_a_small_image_is_not_enlarged_but_keeps_the_boxs_shape_when_cropped(
    box: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    assert _layout(SMALL, **box) == Layout(*expected)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ({"width": 200}, (200, 100, 200, 100)),
        ({"width": 200, "height": 200, "fit": "cover"}, (400, 200, 200, 200)),
        ({"width": 300, "height": 50, "fit": "fill"}, (300, 50, 300, 50)),
    ],
)
def test_a_small_image_is_enlarged_on_request(
    box: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    assert _layout(SMALL, enlarge=True, **box) == Layout(*expected)


@pytest.mark.parametrize("width", [7, 99, 640, 1001, 4032])
@pytest.mark.parametrize("height", [5, 333, 3024])
@pytest.mark.parametrize("fit", ["cover", "contain", "inside", "outside", "fill"])
def test_the_scaled_image_always_fits_its_canvas(width: int, height: int, fit: str) -> None:
    for box in ((1, 1), (3, 1000), (317, 211), (5000, 10)):
        for enlarge in (False, True):
            size = _layout((width, height), enlarge=enlarge, width=box[0], height=box[1], fit=fit)
            if fit == "cover":
                assert size.width >= size.canvas_width
                assert size.height >= size.canvas_height
            else:
                assert size.width <= size.canvas_width
                assert size.height <= size.canvas_height
            if not enlarge:
                assert size.width <= width
                assert size.height <= height


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ({"width": 200, "min_height": 200}, (400, 200, 400, 200)),
        ({"width": 200, "min_width": 100}, (200, 100, 200, 100)),
        ({"min_width": 2000}, (2000, 1000, 2000, 1000)),
        ({"min_height": 100}, (1000, 500, 1000, 500)),
        ({"width": 200, "min_height": 200, "dpr": 2.0}, (800, 400, 800, 400)),
        ({"width": 200, "height": 200, "min_height": 200}, (400, 200, 400, 200)),
        ({"width": 200, "height": 200, "fit": "cover", "min_width": 600}, (600, 300, 200, 200)),
        ({"width": 200, "height": 200, "fit": "fill", "min_width": 600}, (600, 200, 600, 200)),
        ({"width": 200, "height": 200, "fit": "contain", "min_width": 300}, (300, 150, 300, 200)),
    ],
)
def test_a_least_size_is_reached_whatever_else_is_asked_for(
    box: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    assert _layout(WIDE, **box) == Layout(*expected)


def test_widths_name_their_products() -> None:
    params = ResizeParams(widths=(100, 2000))
    sizes = layouts(params, *WIDE, vector=False)
    assert {name: size.width for name, size in sizes.items()} == {"w100": 100, "w2000": 1000}
    assert layouts(params, *WIDE, vector=True)["w2000"].width == 2000


def test_results_are_held_against_both_limits() -> None:
    with pytest.raises(LimitExceeded) as refused:
        check(Layout(10, 20_000, 10, 20_000), 10**9)
    assert refused.value.context["limit"] == 16_383
    with pytest.raises(TooManyPixels):
        check(Layout(1000, 1000, 1000, 1000), 999_999)
    check(Layout(1000, 1000, 1000, 1000), 1_000_000)


@pytest.mark.parametrize("size", [(1080, 20_000), (300, 90_000), (20_000, 1080)])
def test_what_runs_by_default_makes_long_screenshots_smaller(size: tuple[int, int]) -> None:
    for name in ("web", "thumb"):
        box = {key: value for key, value in BUILT_IN["image"][name].items() if key != "op"}
        check(_layout(size, **box), 200_000_000)
