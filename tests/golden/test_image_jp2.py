"""JPEG 2000: deep colours keep their whites and their steps, and profiles count."""

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageCms

from golden.image_samples import scene, swapped_profile
from mediakiln.model.errors import ModelUnavailable, TooManyPixels, UnsupportedMedia
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.edit.resize import resize
from mediakiln.ports.operation import Context

imagecodecs = pytest.importorskip("imagecodecs", reason="the extra jxl is not installed")

IMAGE = Context("image/jp2", threads=1)
WIDTH = 512


def _ramp(bits: int, bands: int) -> NDArray[Any]:
    """From black to white, every second channel the other way round; no alpha of less than full."""
    steps = np.linspace(0, 2**bits - 1, WIDTH).round().astype(np.uint16)
    channels = [steps[::-1] if n % 2 else steps for n in range(bands)]
    if bands in {2, 4}:
        channels[-1] = np.full_like(steps, 2**bits - 1)
    return np.broadcast_to(np.stack(channels, axis=-1), (32, WIDTH, bands)).copy()


def _stored(path: Path, pixels: NDArray[Any], bits: int, form: str = "jp2") -> Path:
    data = imagecodecs.jpeg2k_encode(pixels, level=0, bitspersample=bits, codecformat=form)
    path.write_bytes(data)
    return path


def _profiled(path: Path, pixels: NDArray[Any], profile: bytes, bits: int) -> Path:
    """A file whose colours a profile specifies (ISO/IEC 15444-1, section I.5.3.3); its path."""
    data = _stored(path, pixels, bits).read_bytes()
    at = data.index(b"colr") - 4
    (size,) = struct.unpack_from(">I", data, at)
    box = struct.pack(">I4s3B", 11 + len(profile), b"colr", 2, 0, 0) + profile
    outer = data.index(b"jp2h") - 4
    (length,) = struct.unpack_from(">I", data, outer)
    longer = struct.pack(">I", length + len(box) - size)
    path.write_bytes(data[:outer] + longer + data[outer + 4 : at] + box + data[at + size :])
    return path


def _made(source: Path, out: Path, **params: Any) -> Any:
    (product,) = convert.run(source, params, out, IMAGE)
    return pyvips.Image.new_from_file(str(out / product.file))


@pytest.mark.parametrize("form", ["jp2", "j2k"])
@pytest.mark.parametrize(("bits", "bands"), [(12, 3), (16, 3), (16, 4), (16, 2)])
def test_deep_colours_stay_what_they_are(
    tmp_path: Path, out: Path, form: str, bits: int, bands: int
) -> None:
    exact = _ramp(bits, bands)
    source = _stored(tmp_path / "s.jp2", exact, bits, form)
    deep = _made(source, out, format="png", depth="source")
    assert deep.format == "ushort"
    assert np.abs(deep.numpy() / 65535 - exact / (2**bits - 1)).max() < 1 / 4095
    plain = _made(source, out, format="png")
    shown = plain.numpy()[0, :, 0] / 255
    assert np.abs(shown - exact[0, :, 0] / (2**bits - 1)).max() < 1 / 255, "white is white"


@pytest.mark.parametrize("bits", [8, 16])
def test_a_profile_says_what_the_colours_are(tmp_path: Path, out: Path, bits: int) -> None:
    pixels = np.asarray(scene())
    stored = pixels if bits == 8 else pixels.astype(np.uint16) * 257
    source = _profiled(tmp_path / "s.jp2", stored, swapped_profile(), bits)
    made = _made(source, out, format="png")
    exact = ImageCms.profileToProfile(
        scene(),
        ImageCms.ImageCmsProfile(_file(tmp_path, swapped_profile())),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert isinstance(exact, Image.Image)
    assert np.abs(made.numpy().astype(int) - np.asarray(exact)).max() <= 2


def _file(folder: Path, profile: bytes) -> str:
    path = folder / "own.icc"
    path.write_bytes(profile)
    return str(path)


def test_what_would_be_guessed_is_refused(tmp_path: Path, out: Path) -> None:
    inks = _stored(tmp_path / "s.jp2", _ramp(16, 4), 16)
    inks.write_bytes(inks.read_bytes().replace(struct.pack(">I", 16), struct.pack(">I", 12), 1))
    data = inks.read_bytes()
    assert data[data.index(b"colr") + 7 : data.index(b"colr") + 11] == struct.pack(">I", 12)
    with pytest.raises(UnsupportedMedia, match="channels"):
        _made(inks, out, format="png")


def test_a_deep_one_is_held_against_the_limit_before_it_is_decoded(
    tmp_path: Path, out: Path
) -> None:
    source = _stored(tmp_path / "s.jp2", _ramp(16, 3), 16)
    small = Context("image/jp2", threads=1, max_pixels=1000)
    with pytest.raises(TooManyPixels):
        list(resize.run(source, {"width": 10}, out, small))


def test_without_its_library_a_deep_one_is_said_to_need_it(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _stored(tmp_path / "s.jp2", _ramp(16, 3), 16)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(ModelUnavailable, match="imagecodecs"):
        _made(source, out, format="png")
