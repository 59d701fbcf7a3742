"""The words of the IIIF Image API 3.0: each form that it allows, and each that it does not."""

import pytest

from mediakiln.model.errors import InvalidRequest
from mediakiln.operations.image.edit.transform import transform
from mediakiln.web.derive.iiif.grammar import MAX_AREA, Region, Request, Size, parse
from mediakiln.web.derive.iiif.info import information

WIDE = (1200, 800)


def asked(words: str, size: tuple[int, int] = WIDE) -> Request:
    return parse(words.split("/"), *size)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("full", Region(0, 0, 1200, 800)),
        ("square", Region(200, 0, 800, 800)),
        ("100,50,300,200", Region(100, 50, 300, 200)),
        ("1000,700,900,900", Region(1000, 700, 200, 100)),
        ("pct:50,25,25.5,50", Region(600, 200, 306, 400)),
        ("pct:0,0,200,100", Region(0, 0, 1200, 800)),
        ("pct:.5,33.333333333333,50,50", Region(6, 267, 600, 400)),
    ],
)
def test_regions(region: str, expected: Region) -> None:
    assert asked(f"{region}/max/0/default.jpg").region == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("max", (1200, 800)),
        ("600,", (600, 400)),
        (",200", (300, 200)),
        ("pct:50", (600, 400)),
        ("pct:0.01", (1, 1)),
        ("100,700", (100, 700)),
        ("!300,300", (300, 200)),
        ("!9000,9000", (1200, 800)),
        ("^2400,", (2400, 1600)),
        ("^,1600", (2400, 1600)),
        ("^pct:150", (1800, 1200)),
        ("^100,900", (100, 900)),
        ("^!3000,3000", (3000, 2000)),
        ("^600,", (600, 400)),
    ],
)
def test_sizes(size: str, expected: tuple[int, int]) -> None:
    assert asked(f"full/{size}/0/default.jpg").size == Size(*expected)


def test_the_largest_size_keeps_to_the_limits() -> None:
    size = asked("full/^max/0/default.jpg").size
    assert 0.99 * MAX_AREA < size.width * size.height <= MAX_AREA
    assert size.width / size.height == pytest.approx(1.5, abs=0.001)
    tall = asked("full/max/0/default.jpg", (10, 40_000)).size
    assert tall == Size(4, 16_383)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("all/max/0/default.jpg", "region"),
        ("0,0,0,10/max/0/default.jpg", "region"),
        ("1200,0,10,10/max/0/default.jpg", "region"),
        ("pct:100,0,10,10/max/0/default.jpg", "region"),
        ("pct:a,0,10,10/max/0/default.jpg", "region"),
        ("-1,0,10,10/max/0/default.jpg", "region"),
        ("full/full/0/default.jpg", "size"),
        ("full/,/0/default.jpg", "size"),
        ("full/!100,/0/default.jpg", "size"),
        ("full/0,/0/default.jpg", "size"),
        ("full/!0,5/0/default.jpg", "size"),
        ("full/pct:0/0/default.jpg", "size"),
        ("full/1201,/0/default.jpg", "size"),
        ("full/,801/0/default.jpg", "size"),
        ("full/pct:101/0/default.jpg", "size"),
        ("full/^99999,/0/default.jpg", "size"),
        ("full/^9000,9000/0/default.jpg", "size"),
        ("full/pct:1e1/0/default.jpg", "size"),
        ("full/max/361/default.jpg", "rotation"),
        ("full/max/-90/default.jpg", "rotation"),
        ("full/max/a/default.jpg", "rotation"),
        ("full/max/0/native.jpg", "quality"),
        ("full/max/0/default.jp2", "format"),
        ("full/max/0/default", "quality.format"),
    ],
)
def test_what_is_not_allowed_is_named(words: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(words)
    assert refused.value.context["field"] == field


def test_a_size_that_would_scale_up_says_how_to_ask_for_it() -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked("0,0,100,100/200,/0/default.jpg")
    assert refused.value.context["hint"] == "^200, scales up"


@pytest.mark.parametrize(
    ("words", "canonical"),
    [
        ("full/max/0/default.jpg", "full/max/0/default.jpg"),
        ("0,0,1200,800/1200,/0.0/color.jpg", "full/max/0/default.jpg"),
        ("pct:0,0,50,50/300,/90/gray.png", "0,0,600,400/300,200/90/gray.png"),
        ("square/^max/!22.50/default.png", "200,0,800,800/^max/!22.5/default.png"),
        ("full/^!2400,2400/0/default.png", "full/^2400,1600/0/default.png"),
        ("full/!300,300/360/default.webp", "full/300,200/0/default.webp"),
        ("full/max/22.1234567/default.png", "full/max/22.1234567/default.png"),
        ("full/max/0.00001/default.png", "full/max/0.00001/default.png"),
    ],
)
def test_canonical_forms(words: str, canonical: str) -> None:
    assert asked(words).canonical == canonical
    assert asked(canonical).canonical == canonical


def test_every_step_is_one_that_images_can_take() -> None:
    request = asked("10,20,300,200/^600,/!45/bitonal.tif")
    params = request.transform().params()
    parsed = transform.parse(params)
    ops = [step["op"] for step in params["steps"]]
    assert ops == ["image.crop", "image.resize", "image.rotate", "image.adjust"]
    assert parsed.model_dump()["format"] == "tiff"
    assert asked("full/max/0/default.png").transform().steps == ()


def test_information_names_sizes_and_tiles() -> None:
    told = information("https://kiln.example/iiif/x", 4000, 3000)
    assert told["sizes"][-1] == {"width": 4000, "height": 3000}
    assert told["sizes"][0] == {"width": 125, "height": 93}
    assert told["tiles"] == [{"width": 512, "height": 512, "scaleFactors": [1, 2, 4, 8]}]
    assert information("x", 300, 200)["tiles"][0]["scaleFactors"] == [1]


@pytest.mark.parametrize(
    "size", [(1, 1), (3, 700), (3000, 2), (513, 1025), (12_500, 8_000), (30_000, 30_000)]
)
def test_whatever_information_offers_may_be_asked_for(size: tuple[int, int]) -> None:
    told = information("x", *size)
    for each in told["sizes"]:
        expected = Size(each["width"], each["height"])
        assert asked(f"full/{each['width']},{each['height']}/0/default.jpg", size).size == expected
    for factor in told["tiles"][0]["scaleFactors"]:
        part = 512 * factor
        right, bottom = (side - (side - 1) % part - 1 for side in size)
        for left, top in {(0, 0), (right, bottom)}:
            wide, high = min(part, size[0] - left), min(part, size[1] - top)
            scaled = f"{-(-wide // factor)},{-(-high // factor)}"
            tile = asked(f"{left},{top},{wide},{high}/{scaled}/0/default.jpg", size)
            assert f"{tile.size.width},{tile.size.height}" == scaled
    # The last of them shows all of it in one tile.
    assert max(size) <= part
