"""image.trim: borders go, and nothing else does."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from golden.conftest import Made
from golden.image_samples import frames, pixels, psnr, saved, scene
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.pixels import settle
from mediakiln.operations.image.shape.trim import trim


def bordered(
    colour: tuple[int, ...], mode: str = "RGB", sides: tuple[int, int, int, int] = (20, 30, 40, 50)
) -> Image.Image:
    """The scene, 120 x 80, with a border of so many pixels left, on top, right and below."""
    left, top, right, bottom = sides
    image = Image.new(mode, (120 + left + right, 80 + top + bottom), colour)
    image.paste(scene(120, 80).convert(mode), (left, top))
    return image


@pytest.mark.parametrize("extension", ["png", "bmp"])
def test_a_border_of_the_corners_colour_is_removed(
    made: Made, tmp_path: Path, extension: str
) -> None:
    source = saved(bordered((40, 40, 40)), tmp_path / f"framed.{extension}")
    path, product = made(trim, source, format="png")
    assert (product.metadata["width"], product.metadata["height"]) == (120, 80)
    assert psnr(pixels(path), np.asarray(scene(120, 80), dtype=float)) > 60


@pytest.mark.parametrize("extension", ["jpg", "webp"])
def test_a_border_is_found_in_spite_of_what_the_encoding_did_to_it(
    made: Made, tmp_path: Path, extension: str
) -> None:
    source = saved(bordered((40, 40, 40)), tmp_path / f"framed.{extension}", quality=90)
    _, product = made(trim, source, threshold=30)
    assert product.metadata["width"] == pytest.approx(120, abs=2)
    assert product.metadata["height"] == pytest.approx(80, abs=2)


def test_a_border_may_be_thinner_than_a_block(made: Made, tmp_path: Path) -> None:
    image = bordered((255, 255, 255), sides=(3, 3, 3, 3))
    ImageDraw.Draw(image).rectangle((3, 3, 122, 82), fill=(0, 0, 0))
    _, product = made(trim, saved(image, tmp_path / "thin.jpg", quality=95), threshold=60)
    assert (product.metadata["width"], product.metadata["height"]) == (120, 80)


def test_a_transparent_border_is_removed_whatever_colour_it_hides(
    made: Made, tmp_path: Path
) -> None:
    black = Image.new("RGBA", (100, 60), (0, 0, 0, 0))
    ImageDraw.Draw(black).rectangle((30, 20, 59, 39), fill=(0, 0, 0, 255))
    path, product = made(trim, saved(black, tmp_path / "black.png"))
    assert (product.metadata["width"], product.metadata["height"]) == (30, 20)
    assert pixels(path, "RGBA")[..., 3].min() == 255


def test_a_named_colour_is_removed_and_no_other(made: Made, tmp_path: Path) -> None:
    source = saved(bordered((255, 255, 255)), tmp_path / "white.png")
    _, kept = made(trim, source, border_colour="#ff0000")
    assert kept.metadata["width"] == 180
    _, cut = made(trim, source, border_colour="white")
    assert cut.metadata["width"] == 120


def test_a_named_colour_is_not_taken_for_a_grey(made: Made, tmp_path: Path) -> None:
    source = saved(bordered((255,), "L"), tmp_path / "white.png")
    _, kept = made(trim, source, border_colour="#ff00ff")
    assert kept.metadata["width"] == 180


def test_the_threshold_says_how_far_a_border_may_vary(made: Made, tmp_path: Path) -> None:
    image = bordered((200, 200, 200))
    ImageDraw.Draw(image).rectangle((0, 0, 179, 9), fill=(220, 200, 200))
    source = saved(image, tmp_path / "uneven.png")
    _, strict = made(trim, source, threshold=5, border_colour="#c8c8c8")
    assert strict.metadata["height"] == 110
    _, lax = made(trim, source, threshold=30, border_colour="#c8c8c8")
    assert lax.metadata["height"] == 80


def test_specks_in_the_border_do_not_count(made: Made, tmp_path: Path) -> None:
    image = bordered((255, 255, 255))
    for at in ((5, 5), (170, 3), (100, 155)):
        image.putpixel(at, (0, 0, 0))
    _, product = made(trim, saved(image, tmp_path / "dusty.png"))
    assert (product.metadata["width"], product.metadata["height"]) == (120, 80)


def test_sides_are_cut_alike_on_request(made: Made, tmp_path: Path) -> None:
    source = saved(bordered((40, 40, 40)), tmp_path / "framed.png")
    _, level = made(trim, source, equal_horizontal=True)
    assert (level.metadata["width"], level.metadata["height"]) == (140, 80)
    _, upright = made(trim, source, equal_vertical=True)
    assert (upright.metadata["width"], upright.metadata["height"]) == (120, 100)


def test_an_image_of_one_colour_stays_as_it_is(made: Made, tmp_path: Path) -> None:
    source = saved(Image.new("RGB", (50, 40), (9, 9, 9)), tmp_path / "plain.png")
    _, product = made(trim, source)
    assert (product.metadata["width"], product.metadata["height"]) == (50, 40)


def test_frames_are_cut_by_the_box_that_loses_nothing(made: Made, tmp_path: Path) -> None:
    first, *rest = frames()
    source = saved(first, tmp_path / "walk.gif", save_all=True, append_images=rest, duration=50)
    path, product = made(trim, source, format="webp", lossless=True)
    assert (product.metadata["width"], product.metadata["height"]) == (60, 24)
    assert product.metadata["frames"] == 4
    with Image.open(path) as result:
        for n, frame in enumerate(frames()):
            result.seek(n)
            shown = np.asarray(result.convert("RGB"), dtype=float)
            assert psnr(shown, np.asarray(frame.crop((0, 8, 60, 32)), dtype=float)) > 30


@pytest.mark.parametrize("mode", ["L", "P", "CMYK"])
def test_every_kind_of_image_is_trimmed(made: Made, tmp_path: Path, mode: str) -> None:
    image = bordered((255, 255, 255)).convert(mode)
    source = saved(image, tmp_path / ("framed.tif" if mode == "CMYK" else "framed.png"))
    _, product = made(trim, source)
    assert (product.metadata["width"], product.metadata["height"]) == (120, 80)


def test_sixteen_bits_have_the_same_threshold(made: Made, tmp_path: Path) -> None:
    deep = np.full((100, 120), 30_000, dtype="uint16")
    deep[30:60, 40:90] = 36_000
    source = saved(Image.fromarray(deep), tmp_path / "deep.png")
    _, product = made(trim, source)
    assert (product.metadata["width"], product.metadata["height"]) == (50, 30)


def test_orientation_and_later_steps_go_with_it(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "MEMORY_BYTES", 1000)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = bordered((40, 40, 40)).transpose(Image.Transpose.ROTATE_90)
    source = saved(turned, tmp_path / "turned.png", exif=exif)
    steps = [{"op": "image.trim"}, {"op": "image.resize", "width": 60}]
    path, product = made(transform, source, steps=steps)
    assert (product.metadata["width"], product.metadata["height"]) == (60, 40)
    expected = scene(120, 80).resize((60, 40), Image.Resampling.LANCZOS)
    assert psnr(pixels(path), np.asarray(expected, dtype=float)) > 36
