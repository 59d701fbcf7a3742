"""image.watermark and image.compose: other images and words, where and how they were asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from golden.image_samples import frames, pixels, saved
from mediakiln.model.errors import InvalidRecipe, LimitExceeded
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.look.compose import compose
from mediakiln.operations.image.look.watermark import watermark
from mediakiln.ports.operation import Context, Operation

ID = "01a1ff0b-3449-7294-ad03-682a5a06032c"
GREY = (100, 100, 100)


@pytest.fixture
def ground(tmp_path: Path) -> Path:
    return saved(Image.new("RGB", (400, 200), GREY), tmp_path / "ground.png")


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """A red square with a transparent right half."""
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 20, 40))
    return saved(image, tmp_path / "red.png")


def _made(item: Operation, source: Path, other: Path | None, out: Path, **params: Any) -> Path:
    context = Context("image/x", threads=1, inputs={ID: other} if other else {})
    (product,) = item.run(source, {"format": "png", **params}, out, context)
    return out / product.file


def test_a_mark_lies_in_its_corner_at_its_size_and_strength(
    ground: Path, red: Path, out: Path
) -> None:
    params = {"image": ID, "width": "10%", "opacity": 0.5, "offset_x": 10, "offset_y": "5%"}
    made = pixels(_made(watermark, ground, red, out, **params))
    assert np.abs(made[155:185, 352:368] - (178, 50, 50)).max() <= 2
    made[148:192, 348:372] = GREY
    assert (made == GREY).all(), "nothing else changed"


def test_a_profile_that_is_of_other_channels_changes_no_colours(
    tmp_path: Path, red: Path, out: Path
) -> None:
    inks = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    ground = saved(Image.new("RGB", (40, 40), GREY), tmp_path / "g.jpg", icc_profile=inks)
    made = pixels(_made(compose, ground, red, out, image=ID, colour="source"))
    assert np.abs(made[20, 10] - (255, 0, 0)).max() <= 1
    assert np.abs(made[20, 30] - GREY).max() <= 1


def test_a_tiled_mark_covers_all_of_the_image(ground: Path, red: Path, out: Path) -> None:
    params = {"image": ID, "width": 40, "opacity": 1, "tile": True, "gap": 0}
    made = pixels(_made(watermark, ground, red, out, **params))
    stripes: np.ndarray = (made == (255, 0, 0)).all(axis=2)
    assert stripes.mean() == pytest.approx(0.5, abs=0.06)
    assert bool(stripes[:, 2:18].all())
    assert bool(stripes[:, 362:378].all())


def _box(path: Path) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is red in it."""
    rows, columns = np.nonzero((pixels(path) == (255, 0, 0)).all(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"position": "centre"}, (180, 80, 200, 120)),
        ({"position": "east", "offset_x": -10}, (360, 80, 380, 120)),
        ({"position": "east", "offset_x": -10, "overflow": True}, (370, 80, 390, 120)),
        ({"position": "north-west", "offset_y": -900, "overflow": True}, (0, 0, 20, 1)),
    ],
)
def test_a_mark_can_be_as_large_as_it_is_and_stick_out(
    ground: Path, red: Path, out: Path, params: dict[str, Any], expected: tuple[int, ...]
) -> None:
    made = _made(watermark, ground, red, out, image=ID, width="own", opacity=1, **params)
    assert _box(made) == expected


def test_a_mark_is_fitted_into_a_box(ground: Path, red: Path, out: Path) -> None:
    params = {"width": "50%", "height": "50%", "position": "north-west", "opacity": 1}
    left, top, right, bottom = _box(_made(watermark, ground, red, out, image=ID, **params))
    assert (left, top, bottom) == (0, 0, 100)
    assert right == pytest.approx(50, abs=2)


def test_a_mark_that_is_larger_than_its_image_is_cut_or_made_smaller(
    tmp_path: Path, red: Path, out: Path
) -> None:
    ground = saved(Image.new("RGB", (20, 20), GREY), tmp_path / "small.png")
    params = {"image": ID, "width": "own", "position": "centre", "opacity": 1}
    assert _box(_made(watermark, ground, red, out, **params, overflow=True)) == (0, 0, 10, 20)
    smaller = pixels(_made(watermark, ground, red, out, **params))
    assert np.abs(smaller[:, 14:] - GREY).max() <= 2
    assert np.abs(smaller[:, :6] - (255, 0, 0)).max() <= 2


def test_a_mark_that_may_stick_out_is_as_wide_as_is_said(
    ground: Path, red: Path, out: Path
) -> None:
    params = {"width": "150%", "overflow": True, "opacity": 1}
    made = _made(watermark, ground, red, out, image=ID, position="north-west", **params)
    right, bottom = _box(made)[2:]
    assert bottom == 200
    assert right == pytest.approx(300, abs=10)
    made = _made(watermark, ground, None, out, text="H", position="centre", **params)
    assert pixels(made)[100].min() > 250, "its bar goes from edge to edge"


@pytest.mark.parametrize("more", [{}, {"wrap": True}])
def test_words_are_no_larger_than_any_image(ground: Path, out: Path, more: dict[str, Any]) -> None:
    params = {"width": 1_000_000, "height": 1_000_000, "overflow": True}
    with pytest.raises(LimitExceeded):
        _made(watermark, ground, None, out, text="x", **params, **more)


def test_words_that_are_blank_in_their_font_are_no_fault_of_the_image(
    ground: Path, out: Path
) -> None:
    with pytest.raises(InvalidRecipe, match="text shows nothing"):
        _made(watermark, ground, None, out, text="\u2800")


def test_tiles_lie_apart_as_far_as_is_said_and_around_the_middle(
    ground: Path, red: Path, out: Path
) -> None:
    params = {"width": "own", "opacity": 1, "tile": True, "position": "centre"}
    made = _made(watermark, ground, red, out, image=ID, **params, space_x="15%", space_y=20)
    stripes: np.ndarray = (pixels(made) == (255, 0, 0)).all(axis=2)
    # A tile of 40 x 40 lies at 180, 80; the next ones 40 + 60 and 40 + 20 pixels away.
    assert [int(n) for n in np.nonzero(stripes[100])[0][::20]] == [80, 180, 280, 380]
    assert [int(n) for n in np.nonzero(stripes[:, 185])[0][::40]] == [20, 80, 140]


@pytest.mark.parametrize("angle", [0, 90, 30])
def test_words_are_written_even_with_signs_of_markup(ground: Path, out: Path, angle: int) -> None:
    params = {"text": "<b>A & B", "width": "50%", "opacity": 1, "position": "centre"}
    made = pixels(_made(watermark, ground, None, out, angle=angle, **params))
    rows, columns = np.nonzero(made.min(axis=2) > 250)
    if angle == 0:
        assert np.ptp(columns) == pytest.approx(200, abs=12)
    if angle == 90:
        assert np.ptp(rows) > np.ptp(columns)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(100, abs=8)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(200, abs=8)


@pytest.mark.parametrize("text", [" ", "\n\u200b", "a\0b", "\x1b[1m"])
def test_words_that_cannot_be_shown_are_refused(text: str) -> None:
    with pytest.raises(InvalidRecipe, match=r"image.watermark: text (has|shows)"):
        watermark.parse({"text": text})


def test_long_texts_are_broken_into_lines_that_fill_the_box(tmp_path: Path, out: Path) -> None:
    blue = saved(Image.new("RGB", (600, 300), (0, 0, 255)), tmp_path / "blue.png")
    params = {"text": "many words " * 12, "width": "80%", "height": "50%", "position": "north-west"}
    tall = []
    for wrap in (False, True):
        made = _made(watermark, blue, None, out, opacity=1.0, wrap=wrap, **params)
        rows, columns = np.nonzero(pixels(made)[:, :, 0] > 128)
        assert columns.max() < 480
        assert rows.max() < 150
        tall.append(rows.max())
    assert tall[0] < 20
    assert tall[1] > 100


def test_an_outline_shows_words_on_a_ground_of_their_own_colour(tmp_path: Path, out: Path) -> None:
    white = saved(Image.new("RGB", (400, 200), "white"), tmp_path / "white.png")
    params = {"text": "Kiln", "width": "50%", "opacity": 1, "outline": "#000"}
    assert pixels(_made(watermark, white, None, out, **params)).min() < 20


def test_a_mark_goes_onto_every_frame(tmp_path: Path, red: Path, out: Path) -> None:
    first, *rest = frames()
    walk = saved(first, tmp_path / "a.gif", save_all=True, append_images=rest, duration=50)
    params = {"image": ID, "width": 8, "opacity": 1, "position": "north-west", "format": "webp"}
    with Image.open(_made(watermark, walk, red, out, lossless=True, **params)) as image:
        for n in range(4):
            image.seek(n)
            red_part = np.asarray(image.convert("RGB"))[2:6, 1:3].astype(int)
            assert np.abs(red_part - (255, 0, 0)).max() <= 2


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("over", (255, 0, 0)),
        ("multiply", (100, 0, 0)),
        ("screen", (255, 100, 100)),
        ("lighten", (255, 100, 100)),
        ("difference", (155, 100, 100)),
        ("under", GREY),
    ],
)
def test_colours_mix_as_the_mode_says(
    ground: Path, red: Path, out: Path, mode: str, expected: tuple[int, int, int]
) -> None:
    params = {"image": ID, "width": "100%", "height": "100%", "mode": mode}
    made = pixels(_made(compose, ground, red, out, **params))
    assert np.abs(made[50:150, 20:180] - expected).max() <= 2
    assert (made[50:150, 220:380] == GREY).all()


def test_a_faint_layer_lets_through_what_is_below(ground: Path, red: Path, out: Path) -> None:
    params = {"image": ID, "width": "100%", "height": "100%", "opacity": 0.25}
    made = pixels(_made(compose, ground, red, out, **params))
    assert np.abs(made[50:150, 20:180] - (139, 75, 75)).max() <= 2


@pytest.mark.parametrize("mode", ["under", "multiply", "add"])
def test_an_opaque_image_stays_opaque_in_every_mode(
    ground: Path, red: Path, out: Path, mode: str
) -> None:
    with Image.open(_made(compose, ground, red, out, image=ID, mode=mode)) as image:
        assert image.mode == "RGB"


def test_without_a_size_a_layer_has_its_own(ground: Path, red: Path, out: Path) -> None:
    made = pixels(_made(compose, ground, red, out, image=ID, position="north-west"))
    assert (made[:40, :20] == (255, 0, 0)).all()
    assert (made[40:] == GREY).all()


def test_a_mask_cuts_out(tmp_path: Path, ground: Path, out: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 400, dtype=np.uint8), (200, 1))
    mask = saved(Image.fromarray(ramp), tmp_path / "mask.png")
    made = pixels(_made(compose, ground, mask, out, mask=ID), "RGBA")
    assert np.abs(made[:, :, 3] - ramp).max() <= 1
    assert (made[:, 10:, :3] == GREY).all()


def test_a_grey_image_takes_colour(tmp_path: Path, red: Path, out: Path) -> None:
    grey = saved(Image.new("L", (80, 40), 100), tmp_path / "grey.png")
    made = pixels(_made(compose, grey, red, out, image=ID, position="west"))
    assert (made[5:35, 2:18] == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("item", "params"),
    [
        (watermark, {}),
        (watermark, {"text": "a", "image": ID}),
        (watermark, {"image": "../../etc/passwd"}),
        (watermark, {"text": "a" * 501}),
        (watermark, {"image": ID, "wrap": True}),
        (compose, {}),
        (compose, {"image": ID, "mode": "guess"}),
    ],
)
def test_a_wrong_mark_is_refused(item: Operation, params: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecipe):
        item.parse(params)


def test_which_assets_are_read_is_known_beforehand() -> None:
    assert watermark.others({"image": ID}) == (ID,)
    assert watermark.others({"text": "a"}) == ()
    steps = [{"op": "image.watermark", "image": ID}, {"op": "image.compose", "mask": ID}]
    assert transform.others({"steps": steps}) == (ID, ID)


def test_an_asset_that_was_not_brought_along_is_said(ground: Path, out: Path) -> None:
    with pytest.raises(InvalidRecipe, match="cannot be had here"):
        _made(watermark, ground, None, out, image=ID)


def test_what_is_no_id_is_said_to_be_none() -> None:
    with pytest.raises(InvalidRecipe, match="image: an asset's id is needed"):
        watermark.parse({"image": "logo.png"})
