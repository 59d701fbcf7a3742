"""Colours that a file only names, and profiles that nobody can use."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageCms

from golden.image_samples import pixels, saved, scene, srgb_profile
from golden.metadata_files import CONTEXT, run
from mediakiln.operations.image.facts.describe import describe
from mediakiln.operations.image.pixels.managed import png, profiles

SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def corners(*values: float) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(each * 100_000) for each in values)))


def stating(image: Image.Image, path: Path, *chunks: bytes) -> Path:
    """A PNG with these chunks before its pixels."""
    image.save(path)
    data = path.read_bytes()
    path.write_bytes(data[:33] + b"".join(chunks) + data[33:])
    return path


def shown(image: Image.Image, profile: bytes) -> NDArray[Any]:
    """In sRGB by LittleCMS, another way than libvips'."""
    made = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    assert made is not None
    return np.asarray(made, dtype=float)


def of(power: float) -> Callable[[Any], Any]:
    return lambda coded: coded**power


@pytest.mark.parametrize("mode", ["RGB", "P"])
@pytest.mark.parametrize(
    ("chunks", "profile"),
    [
        ((gamma(1.0),), profiles.described(profiles.SRGB, of(1), "x")),
        ((gamma(1 / 1.8), corners(*SRGB)), profiles.described(profiles.SRGB, of(1.8), "x")),
        ((gamma(256 / 563), corners(*ADOBE)), profiles.adobe_rgb()),
        ((gamma(0.45455), corners(*SRGB)), None),
        ((gamma(0.45),), None),
        ((chunk(b"sRGB", b"\0"), gamma(1.0), corners(*ADOBE)), None),
        ((gamma(0.0), corners(*[0.0] * 8)), None),
        ((chunk(b"gAMA", b"\0"), chunk(b"cHRM", b"\0")), None),
    ],
)
def test_a_pngs_gamma_and_chromaticities_count_as_far_as_they_go(
    tmp_path: Path, out: Path, mode: str, chunks: tuple[bytes, ...], profile: bytes | None
) -> None:
    image = scene(64, 40) if mode == "RGB" else scene(64, 40).quantize(256)
    source = stating(image, tmp_path / "a.png", *chunks)
    plain = image.convert("RGB")
    expected = shown(plain, profile) if profile else np.asarray(plain, dtype=float)
    assert np.abs(pixels(run(source, out, format="png")) - expected).max() <= 2


def test_an_embedded_profile_goes_before_gamma(tmp_path: Path, out: Path) -> None:
    first = saved(scene(64, 40), tmp_path / "a.png", icc_profile=srgb_profile()).read_bytes()
    source = tmp_path / "b.png"
    source.write_bytes(first[:33] + gamma(1.0) + first[33:])
    written = pixels(run(source, out, format="png"))
    assert np.abs(written - np.asarray(scene(64, 40), dtype=float)).max() <= 2


def test_grey_with_a_gamma_stays_grey_and_gets_srgbs(tmp_path: Path, out: Path) -> None:
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (8, 1)))
    source = stating(ramp, tmp_path / "a.png", gamma(1 / 1.8))
    written = run(source, out, format="png")
    with Image.open(written) as image:
        assert image.mode == "L"
    light = (np.arange(256) / 255) ** 1.8
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(pixels(written, "L")[4] - coded * 255).max() <= 2


@pytest.mark.parametrize("chunks", [(chunk(b"cICP", bytes([9, 16, 0, 1])),), (corners(*ADOBE),)])
def test_grey_whose_colours_are_named_is_no_error(
    tmp_path: Path, out: Path, chunks: tuple[bytes, ...]
) -> None:
    source = stating(scene(64, 40).convert("L"), tmp_path / "a.png", *chunks)
    with Image.open(run(source, out, format="png", colour="p3")) as image:
        assert image.mode == "L"


def test_what_a_png_names_is_told(tmp_path: Path, out: Path) -> None:
    source = stating(scene(64, 40), tmp_path / "a.png", gamma(256 / 563), corners(*ADOBE))
    (product,) = describe.run(source, {"scores": False}, out, CONTEXT)
    assert b'"profile": "gamma and chromaticities"' in (out / product.file).read_bytes()
    assert png.colours(source.read_bytes()[:40]) == png.Colours()


def test_linear_light_and_lab_look_alike_in_srgb_and_p3(tmp_path: Path, out: Path) -> None:
    image = pyvips.Image.new_from_array(np.asarray(scene(64, 40))).copy(interpretation="srgb")
    for space in ("scrgb", "lab"):
        source = tmp_path / f"{space}.tif"
        image.bandjoin(128).colourspace(space).tiffsave(str(source))
        written = run(source, out, format="png", colour="p3")
        with Image.open(written) as result:
            assert result.mode == "RGBA"
            assert abs(result.getpixel((0, 0))[3] - 128) <= 1  # type: ignore[index]
            back = shown(result.convert("RGB"), result.info["icc_profile"])
        assert np.abs(back - np.asarray(scene(64, 40), dtype=float)).max() <= 3


def broken() -> dict[str, bytes]:
    good = profiles.adobe_rgb()
    return {
        "no tags": good[:128] + bytes(4),
        "tags outside": good[:400],
        "other colours": good[:16] + b"CMYK" + good[20:],
        "an effect": good[:12] + b"abst" + good[16:],
    }


@pytest.mark.parametrize("name", broken())
def test_a_profile_that_says_nothing_never_goes_along(tmp_path: Path, out: Path, name: str) -> None:
    source = saved(scene(64, 40), tmp_path / "a.jpg", icc_profile=broken()[name], quality=95)
    for format in ("png", "jpeg", "webp", "tiff", "avif"):
        with Image.open(run(source, out, format=format, colour="source")) as image:
            assert image.info.get("icc_profile") is None
    assert profiles.usable(profiles.adobe_rgb(), grey=False)
    assert profiles.usable(srgb_profile(), grey=False)
    assert profiles.usable(profiles.described_grey(of(1.8), "x"), grey=True)
