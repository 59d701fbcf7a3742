"""image.adjust, on patches whose right colours can be worked out by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from golden.image_samples import frames, pixels, saved, scene
from mediakiln.model.errors import InvalidRecipe
from mediakiln.operations.image.look.adjust import adjust
from mediakiln.ports.operation import Context

CONTEXT = Context("image/x", threads=1)
PATCH = (200, 100, 50)


def _adjusted(source: Path, out: Path, **params: Any) -> Path:
    (made,) = adjust.run(source, {"format": "png", **params}, out, CONTEXT)
    return out / made.file


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    return saved(Image.new("RGB", (20, 10), PATCH), tmp_path / "patch.png")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, PATCH),
        ({"brightness": 20}, (240, 120, 60)),
        ({"brightness": -50}, (100, 50, 25)),
        ({"brightness": -100}, (0, 0, 0)),
        ({"contrast": 50}, (236, 86, 11)),
        ({"contrast": -100}, (128, 128, 128)),
        ({"gamma": 2.0}, (226, 160, 113)),
        ({"saturation": -100}, (118, 118, 118)),
        ({"hue": 360}, PATCH),
        ({"hue": 90}, (50, 146, 35)),
        ({"hue": 180}, (35, 135, 185)),
        ({"saturation": 100}, (255, 82, 0)),
        ({"duotone": ["#000000", "#00ff00"]}, (0, 124, 0)),
        ({"brightness": -100, "duotone": ["#ff0000", "#0000ff"]}, (255, 0, 0)),
        ({"threshold": 40}, (255, 255, 255)),
        ({"threshold": 60}, (0, 0, 0)),
    ],
)
def test_a_patch_becomes_the_colour_it_should(
    patch: Path, out: Path, params: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    made = pixels(_adjusted(patch, out, **params))
    assert np.abs(made - expected).max() <= 6
    assert made.std(axis=(0, 1)).max() == 0


@pytest.mark.parametrize(("colour", "grey"), [((0, 255, 0), 182), ((0, 0, 255), 18)])
def test_colours_are_as_bright_as_they_look(
    tmp_path: Path, out: Path, colour: tuple[int, int, int], grey: int
) -> None:
    source = saved(Image.new("RGB", (20, 10), colour), tmp_path / "a.png")
    assert np.abs(pixels(_adjusted(source, out, saturation=-100)) - grey).max() <= 2


def test_grayscale_makes_a_grey_file(patch: Path, out: Path) -> None:
    with Image.open(_adjusted(patch, out, grayscale=True)) as image:
        assert image.mode == "L"


def test_normalise_uses_the_whole_range(tmp_path: Path, out: Path) -> None:
    flat = Image.fromarray(np.linspace(100, 150, 256, dtype=np.uint8)[None, :].repeat(20, 0))
    made = pixels(_adjusted(saved(flat, tmp_path / "a.png"), out, normalise=True), "L")
    assert made.min() <= 3
    assert made.max() >= 252
    tenth = made[np.asarray(flat) == 105]
    assert np.abs(tenth - 25).max() <= 6, "but for one percent at either end"
    plain = saved(Image.new("L", (8, 8), 90), tmp_path / "b.png")
    assert (pixels(_adjusted(plain, out, normalise=True), "L") == 90).all()


def test_transparency_stays_and_lends_no_colour(tmp_path: Path, out: Path) -> None:
    image = Image.new("RGBA", (60, 40), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (20, 10, 40, 30))
    source = saved(image, tmp_path / "a.png")
    alpha = pixels(_adjusted(source, out, brightness=50, contrast=20, sharpen=1), "RGBA")[:, :, 3]
    assert (alpha == pixels(source, "RGBA")[:, :, 3]).all()
    blurred = pixels(_adjusted(source, out, blur=3), "RGBA")
    seen = blurred[blurred[:, :, 3] > 20]
    assert seen[:, 0].max() <= 2, "nothing of the red that cannot be seen"


def test_pixelate_leaves_squares_of_one_colour(tmp_path: Path, out: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (70, 100, 3), np.uint8)
    source = saved(Image.fromarray(noise), tmp_path / "a.png")
    made = pixels(_adjusted(source, out, pixelate=16))
    assert made.shape == (70, 100, 3)
    for left in (0, 16, 32):
        square = slice(16), slice(left, left + 16)
        assert made[square].std(axis=(0, 1)).max() == 0
        assert np.abs(made[square].mean((0, 1)) - pixels(source)[square].mean((0, 1))).max() < 1


def test_blur_softens_and_sharpen_hardens_edges(tmp_path: Path, out: Path) -> None:
    source = saved(scene(200, 140), tmp_path / "a.png")

    def edges(path: Path) -> float:
        return float(np.abs(np.diff(pixels(path, "L"), axis=1)).max())

    plain = edges(source)
    assert edges(_adjusted(source, out, blur=4)) < plain / 2
    made = pixels(_adjusted(source, out, sharpen=2), "L")
    assert (
        np.abs(np.diff(made, axis=1)).mean() > np.abs(np.diff(pixels(source, "L"), axis=1)).mean()
    )


@pytest.mark.parametrize("blur", [1.8, 11, 43.5])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_blur_leaves_a_plain_ground_as_it_is(
    tmp_path: Path, out: Path, mode: str, blur: float
) -> None:
    colour = (255, 201, 150, 128)[: len(mode)]
    source = saved(Image.new(mode, (90, 70), colour), tmp_path / "plain.png")
    assert (pixels(_adjusted(source, out, blur=blur), mode) == colour).all()


def test_a_wide_blur_is_gaussian(tmp_path: Path, out: Path) -> None:
    edge = np.zeros((40, 301), np.uint8)
    edge[:, 150:] = 255
    source = saved(Image.fromarray(edge), tmp_path / "edge.png")
    seen = pixels(_adjusted(source, out, blur=20), "L")[20].astype(float)
    right = [255 / 2 * (1 + math.erf((x - 149.5) / 20 / math.sqrt(2))) for x in range(301)]
    assert np.abs(seen - right).max() < 2


def test_changes_of_tones_are_rounded(tmp_path: Path, out: Path) -> None:
    grey = saved(Image.new("RGB", (8, 8), (99, 100, 101)), tmp_path / "grey.png")
    changed = _adjusted(grey, out, contrast=0.001, saturation=0.001)
    assert (pixels(changed) == (99, 100, 101)).all()


def test_every_frame_is_adjusted(tmp_path: Path, out: Path) -> None:
    first, *rest = frames()
    source = saved(first, tmp_path / "a.gif", save_all=True, append_images=rest, duration=50)
    made = _adjusted(source, out, brightness=-50, format="webp", lossless=True)
    with Image.open(made) as image:
        for n in range(4):
            image.seek(n)
            assert np.asarray(image.convert("RGB")).max() == 125


def test_two_ways_without_colours_are_one_too_many() -> None:
    with pytest.raises(InvalidRecipe, match="instead of grayscale"):
        adjust.parse({"grayscale": True, "duotone": ["#000", "#fff"]})


def test_sharpening_takes_no_colour_from_transparent_pixels(tmp_path: Path, out: Path) -> None:
    image = Image.new("RGBA", (60, 40), (255, 0, 0, 0))
    image.paste((0, 200, 0, 255), (15, 10, 45, 30))
    source = saved(image, tmp_path / "island.png")
    made = pixels(_adjusted(source, out, sharpen=2), "RGBA")
    seen = made[made[:, :, 3] > 0]
    assert np.abs(seen - (0, 200, 0, 255)).max() <= 2
