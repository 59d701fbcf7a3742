"""Colour is converted to sRGB, grey stays grey, and metadata does not leave."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from golden.image_samples import pixels, psnr, saved, scene, srgb_profile, swapped_profile
from mediakiln.model.product import Product

Resize = Callable[..., tuple[Path, Product]]


def test_an_embedded_profile_is_converted_to_srgb(resized: Resize, tmp_path: Path) -> None:
    source = saved(scene(), tmp_path / "s.png", icc_profile=swapped_profile())
    path, _ = resized(source, width=128)
    shown = pixels(path)
    stored = np.asarray(scene().resize((128, 80), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(shown, stored[..., ::-1]) > psnr(shown, stored) + 5, "the profile was ignored"
    with Image.open(path) as result:
        assert "icc_profile" not in result.info


def test_a_profile_can_be_kept_with_the_colours_it_describes(
    resized: Resize, tmp_path: Path
) -> None:
    profile = swapped_profile()
    source = saved(scene(), tmp_path / "s.jpg", icc_profile=profile, quality=95, exif=_gps())
    path, _ = resized(source, width=128, metadata="icc", format="png")
    expected = np.asarray(scene().resize((128, 80), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(pixels(path), expected) > 30
    with Image.open(path) as result:
        assert result.info["icc_profile"] == profile
        assert not result.getexif()


def test_an_srgb_profile_changes_nothing(resized: Resize, tmp_path: Path) -> None:
    source = saved(scene(), tmp_path / "s.png", icc_profile=srgb_profile())
    path, _ = resized(source, width=128)
    expected = np.asarray(scene().resize((128, 80), Image.Resampling.LANCZOS), dtype=float)
    assert psnr(pixels(path), expected) > 36


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_cmyk_comes_out_as_srgb(resized: Resize, tmp_path: Path, format: str) -> None:
    inks = Image.new("CMYK", (64, 32), (0, 0, 0, 0))
    inks.paste((0, 255, 255, 0), (0, 0, 32, 32))
    source = saved(inks, tmp_path / "ink.jpg", quality=95)
    path, _ = resized(source, width=32, format=format)
    shown = pixels(path)
    red, paper = shown[8, 4], shown[8, 28]
    assert red[0] > 180
    assert max(red[1], red[2]) < 90, "cyan-free ink must look red"
    assert paper.min() > 235, "no ink must look white"
    with Image.open(path) as result:
        assert result.mode in {"RGB", "RGBA"}


@pytest.mark.parametrize("mode", ["grey16", "rgb16"])
def test_16_bits_keep_their_brightness(resized: Resize, tmp_path: Path, mode: str) -> None:
    ramp = (pyvips.Image.xyz(256, 64)[0] * 257).cast("ushort")
    image = ramp if mode == "grey16" else ramp.bandjoin([ramp, ramp])
    source = tmp_path / "deep.png"
    image.copy(interpretation=mode).pngsave(str(source))
    path, _ = resized(source, width=128)
    row = pixels(path, "L")[16]
    assert np.allclose(row, np.linspace(0.5, 254.5, 128), atol=1.5)


@pytest.mark.parametrize("extension", ["jpg", "png", "tif"])
def test_grey_stays_grey(resized: Resize, tmp_path: Path, extension: str) -> None:
    source = saved(scene().convert("L"), tmp_path / f"grey.{extension}")
    path, _ = resized(source, width=128, format="auto")
    with Image.open(path) as result:
        assert result.mode == "L"
    expected = scene().convert("L").resize((128, 80), Image.Resampling.LANCZOS)
    assert psnr(pixels(path, "L"), np.asarray(expected, dtype=float)) > 30


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "tiff", "gif"])
@pytest.mark.parametrize("metadata", ["strip", "icc"])
def test_position_camera_and_texts_never_leave(
    resized: Resize, tmp_path: Path, format: str, metadata: str
) -> None:
    source = tmp_path / "gps.jpg"
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SECRET-XMP</x:xmpmeta>"
    scene().save(source, exif=_gps(), comment=b"SECRET-COMMENT", xmp=packet)
    assert b"SECRET" in source.read_bytes()
    path, _ = resized(source, width=64, format=format, metadata=metadata)
    written = path.read_bytes()
    for trace in (b"SECRET", b"xmpmeta", b"Exif\x00"):
        assert trace not in written
    with Image.open(path) as result:
        assert not dict(result.getexif().get_ifd(0x8825))


def _gps() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "SECRET-MAKER"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)}
    return exif
