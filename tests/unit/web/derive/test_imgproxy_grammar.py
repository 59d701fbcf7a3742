"""imgproxy's grammar: what its documentation says an option means is what is done."""

import base64
from collections.abc import Sequence
from typing import Any

import pytest

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.transform import Transform
from mediakiln.operations.image.edit.transform import transform as operation
from mediakiln.web.derive.imgproxy import plan
from mediakiln.web.derive.imgproxy.address import split
from mediakiln.web.derive.imgproxy.door import ImgproxyRules, verifies
from mediakiln.web.derive.imgproxy.fitting import Shape
from mediakiln.web.derive.imgproxy.origins import Origins
from mediakiln.web.derive.imgproxy.parsing import parsed

MARK = "01a1ff0b-3449-7294-ad03-682a5a06032c"
PRESETS = {"small": "rs:fit:100:100/q:60", "both": "pr:small/bl:2", "loop": "pr:loop"}


def asked(options: str, **known: Any) -> Transform:
    found = parsed([part for part in options.split("/") if part], PRESETS)
    made = plan.transform(found, **{"shape": None, "mark": MARK, **known})
    operation.parse(made.params())
    return made


def ops(made: Transform) -> list[str]:
    return [step["op"].removeprefix("image.") for step in made.steps]


def step(made: Transform, op: str) -> dict[str, Any]:
    return dict(next(each for each in made.steps if each["op"] == f"image.{op}"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("rs:fit:300:200", {"width": 300, "height": 200, "fit": "inside", "enlarge": False}),
        ("rs:fit:300", {"width": 300, "fit": "inside"}),
        ("rs:force:300:200:1", {"fit": "fill", "enlarge": True}),
        ("rs:fill-down:300:200/g:no", {"fit": "cover", "position": "north"}),
        ("rs:fill-down:300:200/g:fp:0.2:0.8", {"focus_x": 0.2, "focus_y": 0.8}),
        ("rs:fill-down:300:200/g:sm", {"position": "attention"}),
        ("rs:fill-down:300:200/g:obj:face", {"position": "faces"}),
        ("s:300:200/rt:force", {"fit": "fill"}),
        ("w:300/h:0", {"width": 300, "fit": "inside"}),
        ("w:300/dpr:2", {"width": 600}),
        ("w:300/mw:200", {"width": 300, "min_width": 200}),
        ("w:100/w:200", {"width": 200}),
        ("pr:small", {"width": 100, "height": 100}),
        ("preset:both", {"width": 100}),
        ("w:300/el:t", {"enlarge": True}),
        ("w:300/el:maybe", {"enlarge": False}),
        ("w:300/pr:loop", {"width": 300}),
    ],
)
def test_resizing(options: str, expected: dict[str, Any]) -> None:
    resize = step(asked(options), "resize")
    assert expected.items() <= resize.items()


def test_the_preset_default_comes_first() -> None:
    presets = {"default": "w:50/el:1", "wide": "w:90"}
    assert (parsed([], presets).width, parsed(["pr:wide"], presets).width) == (50, 90)
    assert parsed(["w:70"], presets).enlarge


@pytest.mark.parametrize(
    ("twice", "once"),
    [
        ("wm:0.4:soea:5:6:0.3/wm:1", "wm:1:soea:5:6:0.3"),
        ("wm:0:no/wm:0.5::7", "wm:0.5:no:7"),
        ("wm:1:re:3/wm:0.5:ea", "wm:0.5:ea:3"),
        ("wm:1:no/wm:0", ""),
        ("ex:1:soea:1/s:9:9:0:1", "s:9:9:0:1:soea:1"),
        ("ex:1:no/ex:0", ""),
        ("exar:1:we/exar:1", "exar:1:we"),
        ("c:5:6:no:1:2/c:7", "c:7:6:no:1:2"),
        ("g:no:3:4/g:so::5", "g:so:3:5"),
        ("g:no:3:4/g:sm/g:so", "g:so"),
        ("fl:0:1/fl:1", "fl:1:1"),
        ("t:9:ff0000:1/t:8", "t:8::1"),
        ("pd:1:2:3:4/pd::5", "pd:1:5"),
        ("skp:png/skp:jpg", "skp:png:jpg"),
    ],
)
def test_what_a_later_option_leaves_out_stays_as_it_was(twice: str, once: str) -> None:
    assert parsed(twice.split("/"), {}) == parsed([each for each in once.split("/") if each], {})
    presets = {"default": twice.rpartition("/")[0]}
    assert parsed([twice.rpartition("/")[2]], presets) == parsed(twice.split("/"), {})


def test_no_threshold_is_no_trimming() -> None:
    assert ops(asked("t::ff0000")) == []


def test_squares_are_made_of_what_is_sharpened() -> None:
    made = asked("pix:8/sh:1")
    assert [list(each)[1] for each in made.steps] == ["sharpen", "pixelate"]


def test_fill_scales_and_crops() -> None:
    made = asked("rs:fill:300:200/g:soea:10:0.1")
    assert ops(made) == ["resize", "crop"]
    assert step(made, "resize")["fit"] == "outside"
    crop = step(made, "crop")
    assert (crop["width"], crop["height"], crop["position"]) == (300, 200, "south-east")
    assert (crop["offset_x"], crop["offset_y"]) == (10, "10%")


@pytest.mark.parametrize(("shape", "last"), [((600, 500), "crop"), ((500, 600), "resize")])
def test_auto_fills_what_lies_alike(shape: tuple[int, int], last: str) -> None:
    assert ops(asked("rs:auto:300:200", shape=Shape(*shape)))[-1] == last


def test_the_order_is_imgproxys_own_whatever_the_address_says() -> None:
    made = asked("wm:0.5/pd:10/bl:3/rs:fit:300:200:0:1/c:0.5:400:no/rot:90/t:20:ff0000:1/bg:ffffff")
    assert ops(made) == [
        "trim",
        "rotate",
        "crop",
        "resize",
        "adjust",
        "pad",
        "pad",
        "pad",
        "watermark",
    ]
    assert step(made, "trim") | {"op": ""} == {
        "op": "",
        "threshold": 20,
        "border_colour": "#ff0000",
        "equal_horizontal": True,
        "equal_vertical": False,
    }
    crop = step(made, "crop")
    assert (crop["width"], crop["height"], crop["position"]) == ("50%", 400, "north")


@pytest.mark.parametrize(
    ("options", "sides"),
    [
        ("pd:10", (10,) * 4),
        ("pd:10:20", (10, 20, 10, 20)),
        ("pd:1:2:3:4", (1, 2, 3, 4)),
        ("pd:5::7", (5, 5, 7, 5)),
        ("pd:10/dpr:2", (20,) * 4),
    ],
)
def test_padding_is_as_in_css(options: str, sides: Sequence[int]) -> None:
    pad = step(asked(options), "pad")
    assert tuple(pad[side] for side in ("top", "right", "bottom", "left")) == tuple(sides)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("bl:4", {"blur": 4}),
        ("sh:0.7", {"sharpen": 0.7}),
        ("px:12", {"pixelate": 12}),
        ("br:255", {"brightness": 100}),
        ("co:1.5/sa:0", {"contrast": 50, "saturation": -100}),
        ("a:-255:1:2", {"brightness": -100, "saturation": 100}),
    ],
)
def test_adjustments(options: str, expected: dict[str, float]) -> None:
    adjust = step(asked(options), "adjust")
    assert {name: value for name, value in adjust.items() if name != "op"} == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("ar:0", {"angle": 0, "orient": False}),
        ("rot:270", {"angle": 270, "orient": True}),
        ("rot:-90", {"angle": 270}),
        ("fl:1", {"flip_horizontal": True, "flip_vertical": False}),
        ("rot:90/fl:1", {"flip_horizontal": False, "flip_vertical": True}),
    ],
)
def test_turning(options: str, expected: dict[str, Any]) -> None:
    assert expected.items() <= step(asked(options), "rotate").items()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("f:jpg", {"format": "jpeg", "metadata": "copyright", "colour": "srgb"}),
        ("q:70", {"qualities": dict.fromkeys(("jpeg", "webp", "avif", "jxl"), 70)}),
        ("fq:webp:50:png:40", {"qualities": {"jpeg": 80, "webp": 50, "avif": 63, "jxl": 77}}),
        ("fq:webp:50/q:60", {"qualities": dict.fromkeys(("jpeg", "webp", "avif", "jxl"), 60)}),
        ("sm:0", {"metadata": "keep", "colour": "srgb"}),
        ("kcr:0", {"metadata": "strip"}),
        ("scp:0", {"colour": "source"}),
        ("bg:255:128:0", {"background": "#ff8000"}),
        ("mb:5000", {"max_bytes": 5000, "max_bytes_strict": False}),
    ],
)
def test_encoding(options: str, expected: dict[str, Any]) -> None:
    assert expected.items() <= asked(options).encoding.items()


def test_a_watermark_is_the_operators() -> None:
    mark = step(asked("wm:0.6:soea:10:0.05:0.3"), "watermark")
    assert mark == {
        "op": "image.watermark",
        "image": MARK,
        "opacity": 0.6,
        "width": "30%",
        "height": "30%",
        "overflow": True,
        "position": "south-east",
        "offset_x": 10,
        "offset_y": "5%",
    }
    tiled = {"tile": True, "width": "own", "position": "centre", "space_x": 10, "space_y": "20%"}
    assert tiled.items() <= step(asked("wm:1:re:5:0.2/dpr:2/el:1"), "watermark").items()
    assert asked("wm:0").steps == ()
    with pytest.raises(InvalidRequest, match="no watermark"):
        asked("wm:1", mark=None)


def test_what_is_done_besides() -> None:
    found = parsed(["exp:1700000000", "fn:a%20b", "att:1", "cb:v7", "raw:1", "skp:png:webp"], {})
    assert (found.expires, found.attachment, found.version) == (1_700_000_000, True, "v7")
    assert (found.raw, found.skipped) == (True, ("png", "webp"))
    name = base64.urlsafe_b64encode("Größe".encode()).decode().rstrip("=")
    assert parsed([f"fn:{name}:1"], {}).filename == "Größe"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ("rs:stretch:1:1", "rs"),
        ("w:-1", "w"),
        ("w:1.5", "w"),
        ("w:9999999", "w"),
        ("g:up", "g"),
        ("g:fp:2:0", "g"),
        ("rot:45", "rot"),
        ("bg:red", "bg"),
        ("q:101", "q"),
        ("f:bmp", "f"),
        ("g:no:1:2:3", "g"),
        ("g:sm:1", "g"),
        ("fl:1:1:1", "fl"),
        ("px:a", "px"),
        ("pr:none", "preset"),
        ("colorize:1", "colorize"),
        ("exp:soon", "exp"),
        ("fn:%:1", "fn"),
    ],
)
def test_a_wrong_option_is_named(options: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(options)
    assert refused.value.context["field"] == field
    assert refused.value.context["allowed"]


def test_the_parts_of_an_address() -> None:
    plain = split("/imgproxy/SIG/rs:fit:300:200/q:80/plain/https://a.example/b%20c.jpg@png")
    assert (plain.signature, plain.options) == ("SIG", ["rs:fit:300:200", "q:80"])
    assert (plain.source, plain.extension) == ("https://a.example/b c.jpg", "png")
    assert plain.signed == "/rs:fit:300:200/q:80/plain/https://a.example/b%20c.jpg@png"
    code = base64.urlsafe_b64encode(b"asset://" + MARK.encode()).decode().rstrip("=")
    parted = split(f"/imgproxy/_/w:10/{code[:20]}/{code[20:]}.webp")
    assert (parted.source, parted.extension) == (f"asset://{MARK}", "webp")
    assert split(f"/imgproxy/_/plain/{MARK}").options == []


@pytest.mark.parametrize("path", ["/imgproxy/", "/imgproxy/x", "/imgproxy/x/w:1", "/imgproxy/_/%%"])
def test_half_an_address_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest):
        split(path)


def test_signatures_are_imgproxys() -> None:
    """The example of imgproxy's documentation on signing."""
    rules = ImgproxyRules(
        keys=[(b"wrong", b"one"), (bytes.fromhex("736563726574"), bytes.fromhex("68656C6C6F"))],
        origins=Origins(None, [], max_bytes=1, project="default"),
    )
    path = "/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png"
    assert verifies("oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8", path, rules)
    assert not verifies("oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH9", path, rules)
    assert not verifies("oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8", path + "x", rules)
