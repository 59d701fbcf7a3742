"""Native addresses, and what they mean."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from mediakiln.model.errors import InvalidRequest, NotFound
from mediakiln.model.transform import Wanted
from mediakiln.web.derive.native.grammar import Grammar
from support.images import the_rules

ID = "01a1ff0b-3449-7294-ad03-682a5a06032c"
PRESETS = {"thumb": "w_100,h_100,fit_cover", "two": "w_400/w_50,q_30"}


def parse(options: str, headers: Mapping[str, str] | None = None) -> Wanted:
    rules = the_rules(presets=PRESETS)
    return Grammar(rules).parse(f"/i/{options}", headers or {})


def resize(**params: Any) -> dict[str, Any]:
    return {"op": "image.resize", **params}


@pytest.mark.parametrize(
    ("options", "steps", "encoding"),
    [
        ("", (), {}),
        ("w_400", (resize(width=400),), {}),
        ("width_400,fit_cover,height_300", (resize(width=400, fit="cover", height=300),), {}),
        (
            "w_400,h_300,fit_cover,g_attention,f_webp,q_80",
            (resize(width=400, height=300, fit="cover", position="attention"),),
            {"format": "webp", "quality": 80},
        ),
        ("w_400/w_50", (resize(width=400), resize(width=50)), {}),
        ("resize,w_400", (resize(width=400),), {}),
        ("f_jpeg,progressive", (), {"format": "jpeg", "progressive": True}),
        ("f_jpg", (), {"format": "jpeg"}),
        ("w_10,enlarge", (resize(width=10, enlarge=True),), {}),
        ("w_10,enlarge_false", (resize(width=10, enlarge=False),), {}),
        ("w_10,dpr_2", (resize(width=10, dpr=2.0),), {}),
        ("p_thumb", (resize(width=100, height=100, fit="cover"),), {}),
        ("p_thumb,w_50,f_png", (resize(width=50, height=100, fit="cover"),), {"format": "png"}),
        ("p_two", (resize(width=400), resize(width=50)), {"quality": 30}),
        ("pad,radius_3,b_F00", ({"op": "image.pad", "radius": 3, "background": "#ff0000ff"},), {}),
        (
            "w_10,b_%23ff0000",
            (resize(width=10, background="#ff0000ff"),),
            {"background": "#ff0000ff"},
        ),
    ],
)
def test_options_are_steps_and_encoding(
    options: str, steps: tuple[Any, ...], encoding: dict[str, Any]
) -> None:
    wanted = parse(f"{options}/{ID}" if options else ID)
    assert wanted.source == ID
    assert wanted.transform.steps == steps
    assert wanted.transform.encoding == encoding


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("wdith_3", "did you mean width?"),
        ("rotat", "did you mean rotate?"),
        ("rotate_90", "rotate is an edit: its name stands alone, its options after it"),
        ("blur_3", "blur belongs to adjust: a segment adjust,blur_3"),
        ("rotate,angle_90,enlarge", "enlarge belongs to resize: a segment resize,enlarge"),
        ("rotate,90", "options are written name_value"),
        ("zzz_1", None),
        ("w_9,g_center", "did you mean centre?"),
        ("w_9,f_jpgg", "did you mean jpeg?"),
        ("w_100,c_fill", "here that is fit_cover"),
        ("c_unheard_of", "here that is fit_…; a part of the image is a segment crop,…"),
        ("e_blur:300", "here that is an edit, a segment adjust,blur_…"),
        ("e_grayscale", "here that is an edit, a segment adjust,grayscale"),
        ("ar_16:9,w_100", "here that is an edit, a segment crop,ratio_16:9"),
        ("300x200", "a size is w_300,h_200"),
        ("fit-in", "here that is the default: w_300,h_200"),
        ("smart", "here that is g_faces or g_attention, beside fit_cover"),
        (
            "filters:blur(7)",
            "here that is an edit, a segment adjust,blur_7, or an option such as q_80",
        ),
        ("rs:fill:300:200", "imgproxy's addresses are taken below /imgproxy/"),
    ],
)
def test_who_misspells_an_option_is_told_what_may_be_meant(option: str, hint: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(f"{option}/{ID}")
    assert refused.value.context["hint"] == hint


def test_the_extension_is_the_format() -> None:
    assert parse(f"w_10/{ID}.jpg").transform.encoding == {"format": "jpeg"}
    assert parse(f"w_10/{ID}.WebP").transform.encoding == {"format": "webp"}
    assert parse(f"w_10,f_webp/{ID}.webp").transform.encoding == {"format": "webp"}
    chosen = parse(f"w_10,f_auto/{ID}.jpg").transform
    assert (chosen.negotiated, chosen.encoding) == (True, {})


def test_how_an_image_is_handed_over() -> None:
    wanted = parse(f"w_10,dl_My%20photo,v_7,exp_1700000000/{ID}")
    assert (wanted.attachment, wanted.filename) == (True, "My photo")
    assert (wanted.version, wanted.expires) == ("7", 1_700_000_000.0)
    assert parse(f"raw/{ID}").transform.raw
    assert parse(f"w_10,from_poster%2Fa.png/{ID}").source == f"{ID}/poster/a.png"


def test_a_value_that_addresses_cannot_hold_is_written_in_base64url() -> None:
    text = base64.urlsafe_b64encode(b"#00ff00").decode().rstrip("=")
    step = parse(f"w_10,b_~{text}/{ID}").transform.steps[0]
    assert step["background"] == "#00ff00ff"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ("w_0", "w"),
        ("w_abc", "w"),
        ("width_99999", "width"),
        ("q_101", "q"),
        ("fit_squeeze", "fit"),
        ("zoom_3", "zoom"),
        ("f_bmp3", "f"),
        ("exp_soon", "exp"),
        ("v_", "v"),
        ("p_nothing", "p"),
        ("p_two,w_10", "p"),
        ("raw,w_10", "raw"),
        ("w_10,b_~%%", "b"),
        (f"w_10,dl_{'x' * 300}", "dl"),
    ],
)
def test_an_option_that_is_not_right_is_named(options: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(f"{options}/{ID}")
    assert refused.value.context["field"] == field
    assert field in str(refused.value)


@pytest.mark.parametrize(
    ("address", "field"), [(f"{ID}.exe", "extension"), (f"f_webp/{ID}.png", "f")]
)
def test_an_extension_that_is_not_right_is_told(address: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(address)
    assert refused.value.context["field"] == field


def test_what_is_no_asset_s_id_is_not_found() -> None:
    for address in ("w_10/", "w_10/cat", f"{ID}/w_10", "w_10/../x"):
        with pytest.raises(NotFound):
            parse(address)


def test_too_many_segments_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="segments"):
        parse("w_10/" * 40 + ID)


@pytest.mark.parametrize(
    ("options", "headers", "params", "hints"),
    [
        ("w_auto", {}, {"width": 1200}, {"Sec-CH-Width", "Width"}),
        ("w_auto:300", {}, {"width": 300}, {"Sec-CH-Width", "Width"}),
        ("w_auto", {"sec-ch-width": "333"}, {"width": 400, "dpr": 1.0}, {"Sec-CH-Width", "Width"}),
        ("w_auto", {"width": "99999"}, {"width": 4000, "dpr": 1.0}, {"Sec-CH-Width", "Width"}),
        ("w_auto", {"width": "nan"}, {"width": 1200}, {"Sec-CH-Width", "Width"}),
        (
            "w_10,dpr_auto",
            {"sec-ch-dpr": "1.75"},
            {"width": 10, "dpr": 2.0},
            {"Sec-CH-DPR", "DPR", "Save-Data"},
        ),
        (
            "w_10,dpr_auto",
            {"dpr": "3", "save-data": "on"},
            {"width": 10, "dpr": 1.0},
            {"Sec-CH-DPR", "DPR", "Save-Data"},
        ),
        ("w_10", {"sec-ch-width": "333", "dpr": "3"}, {"width": 10}, set()),
    ],
)
def test_hints_count_only_where_an_option_says_auto(
    options: str, headers: dict[str, str], params: dict[str, Any], hints: set[str]
) -> None:
    wanted = parse(f"{options}/{ID}", headers)
    assert wanted.transform.steps == (resize(**params),)
    assert set(wanted.hints) == hints


def test_who_saves_data_is_given_less_quality_where_it_is_auto() -> None:
    assert parse(f"q_auto/{ID}", {"save-data": "on"}).transform.encoding == {"quality": 50}
    assert parse(f"q_80/{ID}", {"save-data": "on"}).transform.encoding == {"quality": 80}
