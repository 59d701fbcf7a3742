"""What becomes of sizes is what a real imgproxy 4 gave for the same options and sources."""

import pytest

from mediakiln.web.derive.imgproxy import plan
from mediakiln.web.derive.imgproxy.fitting import Shape, matters
from mediakiln.web.derive.imgproxy.parsing import parsed

PORTRAIT, SMALL, TURNED = Shape(290, 442), Shape(128, 128), Shape(3024, 4032)


def size(options: str, shape: Shape) -> tuple[int, int]:
    """Width and height that the steps end with, where the plan needs to know the source's."""
    wanted = parsed(options.split("/"), {})
    assert matters(wanted)
    width, height = shape.width, shape.height
    if wanted.rotate % 180:
        width, height = height, width
    for step in plan.transform(wanted, shape=shape, mark=None).steps:
        if step["op"] == "image.pad" and "top" in step:
            width += step["left"] + step["right"]
            height += step["top"] + step["bottom"]
        elif step["op"] == "image.pad":
            width, height = max(width, step["width"]), max(height, step["height"])
        elif step["op"] in {"image.crop", "image.resize"}:
            width, height = step["width"], step["height"]
    return width, height


@pytest.mark.parametrize(
    ("options", "shape", "expected"),
    [
        # A screen is as dense as the source allows.
        ("rs:fill:300:200/dpr:2", PORTRAIT, (290, 200)),
        ("rs:fill:120:80/dpr:3", PORTRAIT, (290, 193)),
        ("rs:fill:120:80/dpr:2", SMALL, (128, 85)),
        ("rs:fill:300:200/dpr:0.5", PORTRAIT, (150, 103)),
        ("rs:fill:300:200/dpr:0.5", SMALL, (128, 128)),
        ("rs:fit:300:200:0:1/dpr:2", SMALL, (300, 200)),
        ("rs:fit:120:80:0:1/dpr:3", SMALL, (192, 128)),
        ("rs:fit:300:200:0:1/dpr:3", PORTRAIT, (663, 442)),
        ("rs:fit:300:200:0:1/dpr:0.5", SMALL, (150, 100)),
        ("rs:fill:120:80:0:1/dpr:3", PORTRAIT, (290, 193)),
        ("rs:fill-down:120:80:0:1/dpr:2", SMALL, (128, 85)),
        # Force keeps the side that is not named, and the box's shape where it cannot be reached.
        ("rs:force:100:0", PORTRAIT, (100, 442)),
        ("rs:force:0:90", PORTRAIT, (290, 90)),
        ("rs:force:600:500", PORTRAIT, (290, 242)),
        ("rs:force:333:111", PORTRAIT, (290, 97)),
        ("rs:force:9000:200", PORTRAIT, (290, 6)),
        ("rs:force:300:200/dpr:2", PORTRAIT, (290, 193)),
        ("rs:force:600:500", SMALL, (128, 107)),
        # What is larger for its least width is cropped to the box.
        ("mw:400/w:100", PORTRAIT, (100, 610)),
        ("mw:400/w:100", TURNED, (100, 533)),
        ("rs:auto:100:300", PORTRAIT, (100, 300)),
        ("z:0.5", PORTRAIT, (145, 221)),
        ("z:0.5/ar:0", PORTRAIT, (145, 221)),
        # Halves of a pixel count until the end.
        ("w:77/dpr:1.5", PORTRAIT, (115, 176)),
        ("w:501/dpr:0.5", Shape(675, 900), (251, 334)),
        ("rs:fit:151:333/mw:50", Shape(200, 100), (151, 76)),
    ],
)
def test_sizes(options: str, shape: Shape, expected: tuple[int, int]) -> None:
    assert size(options, shape) == expected


def test_paddings_are_as_dense_as_the_image() -> None:
    pad = plan.transform(
        parsed(["pd:10", "rs:fit:100:100", "dpr:3"], {}), shape=Shape(150, 150), mark=None
    ).steps[-1]
    assert (pad["top"], pad["left"]) == (15, 15)


def test_a_drawing_is_as_large_as_it_is_asked_for() -> None:
    assert size("rs:fill:300:200/dpr:2", Shape(100, 100, vector=True)) == (600, 400)


def test_a_focal_point_says_where_an_extended_image_lies() -> None:
    made = plan.transform(
        parsed(["rs:fit:100:200:0:1:fp:0.5:1"], {}), shape=Shape(400, 400), mark=None
    )
    pad = made.steps[-1]
    assert (pad["width"], pad["height"]) == (100, 200)
    assert (pad["position"], pad["offset_x"], pad["offset_y"]) == ("north-west", 0, 100)


@pytest.mark.parametrize(
    "options",
    ["w:300", "rs:fit:300:200/dpr:2", "rs:fill:300:200", "rs:force:300:200:1", "c:0.5:0.5/w:100"],
)
def test_usual_options_need_no_look_at_the_source(options: str) -> None:
    assert not matters(parsed(options.split("/"), {}))
