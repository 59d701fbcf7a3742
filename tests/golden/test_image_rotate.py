"""image.rotate: turned and mirrored as Pillow does it."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from golden.conftest import Made
from golden.image_samples import frames, pixels, psnr, saved, scene
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.pixels import settle
from mediakiln.operations.image.pixels.parts import view
from mediakiln.operations.image.shape.rotate import rotate

TURN = Image.Transpose


@pytest.mark.parametrize(
    ("params", "turns"),
    [
        ({}, []),
        ({"angle": 90}, [TURN.ROTATE_270]),
        ({"angle": -90}, [TURN.ROTATE_90]),
        ({"angle": 180}, [TURN.ROTATE_180]),
        ({"angle": 270}, [TURN.ROTATE_90]),
        ({"angle": 360}, []),
        ({"flip_horizontal": True}, [TURN.FLIP_LEFT_RIGHT]),
        ({"flip_vertical": True}, [TURN.FLIP_TOP_BOTTOM]),
        ({"flip_horizontal": True, "angle": 90}, [TURN.FLIP_LEFT_RIGHT, TURN.ROTATE_270]),
        ({"flip_vertical": True, "angle": 90}, [TURN.FLIP_TOP_BOTTOM, TURN.ROTATE_270]),
        ({"flip_horizontal": True, "flip_vertical": True}, [TURN.ROTATE_180]),
    ],
)
@pytest.mark.parametrize("after", [False, True])
def test_quarter_turns_and_flips_change_no_pixel(
    made: Made, tmp_path: Path, params: dict[str, Any], turns: list[Image.Transpose], after: bool
) -> None:
    source, expected = saved(scene(), tmp_path / "scene.png"), scene()
    for turn in turns:
        expected = expected.transpose(turn)
    if after:  # an edit that does not narrow comes first, so that pixels are turned and not a view
        steps = [{"op": "image.pad", "width": 1}, {"op": "image.rotate", **params}]
        path, _ = made(transform, source, steps=steps)
    else:
        path, _ = made(rotate, source, **params)
    assert np.array_equal(pixels(path), np.asarray(expected, dtype=float))


def test_orientation_is_obeyed_unless_it_is_taken_back(made: Made, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = saved(scene(), tmp_path / "turned.png", exif=exif)
    upright, _ = made(rotate, source, angle=0)
    assert np.array_equal(
        pixels(upright), np.asarray(scene().transpose(TURN.ROTATE_270), dtype=float)
    )
    as_stored, _ = made(rotate, source, orient=False)
    assert np.array_equal(pixels(as_stored), np.asarray(scene(), dtype=float))
    turned, _ = made(rotate, source, orient=False, angle=90)
    assert np.array_equal(
        pixels(turned), np.asarray(scene().transpose(TURN.ROTATE_270), dtype=float)
    )


@pytest.mark.parametrize("angle", [10, -33.5, 135])
def test_other_angles_keep_the_corners_and_fill_the_ground(
    made: Made, tmp_path: Path, angle: float
) -> None:
    source = saved(scene(), tmp_path / "scene.png")
    path, product = made(rotate, source, angle=angle, background="#102030")
    expected = np.asarray(
        scene().rotate(-angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(16, 32, 48)),
        dtype=float,
    )
    width, height = product.metadata["width"], product.metadata["height"]
    assert abs(width - expected.shape[1]) <= 2
    assert abs(height - expected.shape[0]) <= 2
    shown = pixels(path)
    assert tuple(shown[0, 0]) == (16, 32, 48)
    middle = (slice(height // 2 - 30, height // 2 + 30), slice(width // 2 - 30, width // 2 + 30))
    rows, columns = expected.shape[0] // 2, expected.shape[1] // 2
    reference = expected[rows - 30 : rows + 30, columns - 30 : columns + 30]
    assert psnr(shown[middle], reference) > 24


def test_the_corners_are_transparent_where_nobody_says_and_white_in_jpeg(
    made: Made, tmp_path: Path
) -> None:
    source = saved(scene().convert("L"), tmp_path / "grey.png")
    path, _ = made(rotate, source, angle=45)
    assert pixels(path, "RGBA")[0, 0, 3] == 0
    assert pixels(path, "RGBA")[130, 130, 3] == 255
    jpeg, _ = made(rotate, source, angle=45, format="jpeg")
    assert pixels(jpeg)[0, 0].min() > 250


def test_every_frame_is_turned(made: Made, tmp_path: Path) -> None:
    first, *rest = frames()
    source = saved(
        first, tmp_path / "walk.gif", save_all=True, append_images=rest, duration=[50, 60, 70, 80]
    )
    path, product = made(
        rotate, source, angle=90, flip_horizontal=True, format="webp", lossless=True
    )
    assert (product.metadata["width"], product.metadata["height"]) == (40, 64)
    with Image.open(path) as result:
        for n, frame in enumerate(frames()):
            result.seek(n)
            expected = frame.transpose(TURN.FLIP_LEFT_RIGHT).transpose(TURN.ROTATE_270)
            assert (
                psnr(
                    np.asarray(result.convert("RGB"), dtype=float),
                    np.asarray(expected, dtype=float),
                )
                > 30
            )
            assert result.info["duration"] == 50 + 10 * n


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA"])
def test_what_is_too_large_for_memory_is_turned_by_way_of_a_file(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(settle, "MEMORY_BYTES", 1000)
    monkeypatch.setattr(view, "TURNED_AT_ONCE", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    exif = Image.Exif()
    exif[0x0112] = 6
    source = saved(scene(600, 400).convert(mode), tmp_path / "scene.png", exif=exif)
    path, _ = made(rotate, source, angle=180)
    expected = scene(600, 400).convert(mode).convert("RGBA").transpose(TURN.ROTATE_90)
    assert np.array_equal(pixels(path, "RGBA"), np.asarray(expected, dtype=float))
    assert not list(scratch.iterdir())
    slanted, _ = made(rotate, source, angle=30, background="white")
    assert pixels(slanted)[0, 0].min() == 255


def test_sixteen_bits_stay_sixteen_bits(made: Made, tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64 * 48).astype("uint16").reshape(48, 64)
    source = saved(Image.fromarray(ramp), tmp_path / "deep.png")
    path, _ = made(rotate, source, angle=90)
    with Image.open(path) as image:
        shown = np.asarray(image).astype(float)
    scale = 1 if shown.max() > 255 else 257
    assert np.abs(shown * scale - np.rot90(ramp, -1)).max() <= scale
