"""What clients are given that know neither WebP nor AVIF."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from golden.image_samples import frames, pixels, psnr, saved, scene
from mediakiln.operations.image.edit.convert import convert
from mediakiln.ports.operation import Context

CONTEXT = Context("image/x", threads=1)


def _compatible(source: Path, out: Path, **params: Any) -> Image.Image:
    (product,) = convert.run(source, {"format": "compatible", **params}, out, CONTEXT)
    with Image.open(out / product.file) as image:
        image.load()
        return image


@pytest.mark.parametrize(
    ("extension", "format"),
    [
        ("webp", "JPEG"),
        ("avif", "JPEG"),
        ("tiff", "JPEG"),
        ("jpg", "JPEG"),
        ("png", "PNG"),
        ("gif", "GIF"),
    ],
)
def test_stills_are_what_every_client_shows(
    tmp_path: Path, out: Path, extension: str, format: str
) -> None:
    source = saved(scene(), tmp_path / f"s.{extension}")
    assert _compatible(source, out).format == format
    assert psnr(pixels(next(out.iterdir())), pixels(source)) > 28


@pytest.mark.parametrize("extension", ["webp", "avif"])
def test_what_is_transparent_or_lossless_becomes_png(
    tmp_path: Path, out: Path, extension: str
) -> None:
    clear = scene().convert("RGBA")
    clear.putalpha(90)
    made = _compatible(saved(clear, tmp_path / f"c.{extension}"), out)
    assert made.format == "PNG"
    assert np.asarray(made)[..., 3].max() == 90
    solid = saved(scene(), tmp_path / f"s.{extension}")
    assert _compatible(solid, out, lossless=True).format == "PNG"


@pytest.mark.parametrize(
    ("extension", "still"),
    # Pillow's moving WebP says that it may be transparent.
    [("webp", "PNG"), ("avif", "JPEG")],
)
def test_what_moves_becomes_a_gif_unless_a_still_is_wanted(
    tmp_path: Path, out: Path, extension: str, still: str
) -> None:
    first, *rest = frames()
    path = tmp_path / f"w.{extension}"
    walk = saved(first, path, save_all=True, append_images=rest, duration=70)
    (product,) = convert.run(walk, {"format": "compatible"}, out, CONTEXT)
    assert (product.media_type, product.metadata["frames"]) == ("image/gif", 4)
    assert _compatible(walk, out, animated=False).format == still
