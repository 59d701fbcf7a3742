"""image.pad: what is around the image, pixel by pixel."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from golden.conftest import Made
from golden.image_samples import frames, pixels, psnr, saved, scene
from mediakiln.model.errors import LimitExceeded
from mediakiln.operations.image.shape.pad import pad


def test_padding_surrounds_an_untouched_image(made: Made, tmp_path: Path) -> None:
    source = saved(scene(100, 50), tmp_path / "scene.png")
    path, _ = made(pad, source, top=1, right=2, bottom=3, left=4, background="#102030")
    expected = Image.new("RGB", (106, 54), (16, 32, 48))
    expected.paste(scene(100, 50), (4, 1))
    assert np.array_equal(pixels(path), np.asarray(expected, dtype=float))


def test_a_ratio_extends_the_canvas_at_the_place_that_is_named(made: Made, tmp_path: Path) -> None:
    source = saved(scene(100, 50), tmp_path / "scene.png")
    path, _ = made(pad, source, ratio="1:1", position="south", background="white")
    shown = pixels(path)
    assert shown.shape == (100, 100, 3)
    assert shown[:50].min() == 255
    assert np.array_equal(shown[50:], np.asarray(scene(100, 50), dtype=float))


def test_what_is_added_is_transparent_unless_somebody_says(made: Made, tmp_path: Path) -> None:
    source = saved(scene(100, 50).convert("L"), tmp_path / "grey.png")
    path, _ = made(pad, source, padding=10)
    assert pixels(path, "RGBA")[5, 5, 3] == 0
    assert pixels(path, "RGBA")[30, 60, 3] == 255
    jpeg, _ = made(pad, source, padding=10, format="jpeg")
    assert pixels(jpeg)[5, 5].min() > 250
    red, _ = made(pad, source, padding=10, background="#ff0000")
    assert tuple(pixels(red)[5, 5]) == (255, 0, 0)


def test_flatten_leaves_nothing_transparent(made: Made, tmp_path: Path) -> None:
    source = saved(Image.new("RGBA", (20, 20), (200, 0, 0, 128)), tmp_path / "half.png")
    path, _ = made(pad, source, flatten=True, background="#0000ff")
    with Image.open(path) as image:
        assert image.mode == "RGB"
        assert image.getpixel((10, 10)) == pytest.approx((100, 0, 127), abs=1)
    white, _ = made(pad, source, flatten=True)
    assert tuple(pixels(white)[10, 10]) == pytest.approx((227, 127, 127), abs=1)


def test_a_border_goes_around_padding_and_image(made: Made, tmp_path: Path) -> None:
    source = saved(scene(100, 50), tmp_path / "scene.png")
    path, product = made(
        pad, source, padding=5, background="white", border=3, border_colour="#ff8000"
    )
    assert (product.metadata["width"], product.metadata["height"]) == (116, 66)
    shown = pixels(path)
    assert tuple(shown[2, 50]) == tuple(shown[50, 113]) == (255, 128, 0)
    assert tuple(shown[4, 50]) == (255, 255, 255)
    assert np.array_equal(shown[8:58, 8:108], np.asarray(scene(100, 50), dtype=float))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_corners_are_quarter_circles(made: Made, tmp_path: Path, mode: str) -> None:
    source = saved(Image.new(mode, (61, 40), "white"), tmp_path / "white.png")
    path, _ = made(pad, source, radius=16)
    alpha = pixels(path, "RGBA")[..., 3]
    y, x = np.mgrid[0:16, 0:16]
    distance = np.hypot(15.5 - x, 15.5 - y)
    expected = np.clip(16.5 - distance, 0, 1) * 255
    for corner in (alpha[:16, :16], alpha[:16, ::-1][:, :16], alpha[::-1][:16, :16]):
        assert np.abs(corner - expected).max() <= 1
    assert alpha[0, 20] == alpha[20, 0] == alpha[20, 60] == alpha[39, 30] == 255


def test_max_makes_a_circle_of_a_square(made: Made, tmp_path: Path) -> None:
    source = saved(Image.new("RGB", (101, 101), "red"), tmp_path / "red.png")
    path, _ = made(pad, source, radius="max")
    alpha = pixels(path, "RGBA")[..., 3] / 255
    assert alpha.sum() == pytest.approx(np.pi * 50.5**2, rel=0.001)
    assert alpha[50, 0] == alpha[0, 50] == 1


def test_a_border_follows_the_corners(made: Made, tmp_path: Path) -> None:
    source = saved(Image.new("RGB", (80, 60), "white"), tmp_path / "white.png")
    path, _ = made(pad, source, border=10, border_colour="#ff0000", radius=30)
    shown = pixels(path, "RGBA")
    assert tuple(shown[0, 0])[3] == 0
    inner = 10 + 20 - round(20 / 2**0.5)  # where the diagonal leaves the border
    assert tuple(shown[inner - 3, inner - 3]) == (255, 0, 0, 255)
    assert tuple(shown[inner + 2, inner + 2]) == (255, 255, 255, 255)


def test_every_frame_is_padded(made: Made, tmp_path: Path) -> None:
    first, *rest = frames()
    source = saved(first, tmp_path / "walk.gif", save_all=True, append_images=rest, duration=50)
    path, product = made(pad, source, padding=4, background="#ff0000", format="webp", lossless=True)
    assert (product.metadata["width"], product.metadata["frames"]) == (72, 4)
    with Image.open(path) as result:
        for n, frame in enumerate(frames()):
            result.seek(n)
            shown = np.asarray(result.convert("RGB"), dtype=float)
            assert tuple(shown[1, 1]) == (255, 0, 0)
            assert psnr(shown[4:44, 4:68], np.asarray(frame, dtype=float)) > 30


def test_around_an_animation_webp_is_transparent(made: Made, tmp_path: Path) -> None:
    first, *rest = frames()
    source = saved(first, tmp_path / "walk.webp", save_all=True, append_images=rest, duration=50)
    for more in ({}, {"lossless": True}, {"max_bytes": 4000}):
        path, _ = made(pad, source, left=20, top=20, **more)
        shown = pixels(path, "RGBA")
        assert (shown[5, 5, 3], shown[50, 60, 3]) == (0, 255)


def test_a_canvas_beyond_the_limit_is_refused(made: Made, tmp_path: Path) -> None:
    source = saved(scene(100, 50), tmp_path / "scene.png")
    with pytest.raises(LimitExceeded):
        made(pad, source, padding=9000)
