"""image.watermark and image.compose: other images and words, where and how they were asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from golden.image_samples import frames, pixels, saved
from mediakiln.model.errors import InvalidRecipe
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


def test_a_tiled_mark_covers_all_of_the_image(ground: Path, red: Path, out: Path) -> None:
    params = {"image": ID, "width": 40, "opacity": 1, "tile": True, "gap": 0}
    made = pixels(_made(watermark, ground, red, out, **params))
    stripes: np.ndarray = (made == (255, 0, 0)).all(axis=2)
    assert stripes.mean() == pytest.approx(0.5, abs=0.06)
    assert bool(stripes[:, 2:18].all())
    assert bool(stripes[:, 362:378].all())


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
