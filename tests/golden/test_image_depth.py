"""Pictures of more than 8 bits: right in 8, and whole where the result can hold them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

from golden import deep_files
from golden.image_samples import saved, scene
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.facts.describe import describe
from mediakiln.ports.operation import Context

pytestmark = pytest.mark.xdist_group("depth")

SOURCES = ("10.avif", "12.avif", "10.heic", "12.heic", "grey-10.heic")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("deep")
    return {
        "10.avif": deep_files.avif(folder / "10.avif", 10),
        "12.avif": deep_files.avif(folder / "12.avif", 12),
        "10.heic": deep_files.heic(folder / "10.heic", 10),
        "12.heic": deep_files.heic(folder / "12.heic", 12),
        "grey-10.heic": deep_files.heic(folder / "grey-10.heic", 10, grey=True),
    }


def _row(source: Path, out: Path, **params: Any) -> NDArray[Any]:
    """The first row's green, or grey, from 0 to 1."""
    (product,) = convert.run(source, params, out, Context("image/x", threads=1))
    image = pyvips.Image.new_from_file(str(out / product.file))
    assert (image.width, image.height) == (deep_files.WIDTH, 64)
    full = 65535 if image.format == "ushort" else 255
    return np.asarray(image[image.bands // 2].numpy()[0]) / full


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_eight_bits_of_more_are_neither_shifted_nor_banded(
    sources: dict[str, Path], out: Path, name: str, format: str
) -> None:
    row = _row(sources[name], out, format=format, quality=None if format == "png" else 98)
    exact = np.linspace(0, 1, deep_files.WIDTH)
    assert np.abs(row - exact).max() < 4 / 255
    assert abs((row - exact).mean()) < 0.8 / 255
    assert len(np.unique(row)) >= 200
    assert (row[0], row[-1]) == pytest.approx((0, 1), abs=2.1 / 255)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("format", "depth"), [("png", 16), ("tiff", 16), ("avif", 10)])
def test_deep_formats_keep_all_steps(
    sources: dict[str, Path], out: Path, name: str, format: str, depth: int
) -> None:
    row = _row(sources[name], out, format=format, depth=depth, lossless=format == "avif")
    exact = np.linspace(0, 1, deep_files.WIDTH)
    assert np.abs(row - exact).max() < 6 / 1023
    assert len(np.unique(row)) >= 1_000
    assert row[0] < 2 / 1023
    assert row[-1] > 1 - (0.5 if depth == 16 else 2) / 1023, "white is white"


@pytest.mark.parametrize(
    ("name", "params", "bits"),
    [
        ("10.avif", {"format": "avif"}, 10),
        ("12.avif", {"format": "avif"}, 12),
        ("10.heic", {"format": "avif", "quality": 90}, 10),
        ("12.heic", {"format": "png"}, 16),
        ("10.heic", {"format": "tiff"}, 16),
        ("10.heic", {"format": "tiff", "quality": 80}, 8),
        ("10.heic", {"format": "webp"}, 8),
        ("8.png", {"format": "avif"}, 8),
        ("8.png", {"format": "png"}, 8),
    ],
)
def test_a_result_can_be_as_deep_as_its_source(
    sources: dict[str, Path], out: Path, name: str, params: dict[str, Any], bits: int
) -> None:
    source = sources[name] if name in sources else saved(scene(), out / name)
    told = {"depth": "source", **params}
    (product,) = convert.run(source, told, out, Context("image/x", threads=1))
    image = pyvips.Image.new_from_file(str(out / product.file))
    assert image.format == ("uchar" if bits == 8 else "ushort")
    if params["format"] == "avif":
        assert image.get("bits-per-sample") == bits


def test_the_depth_of_heic_is_told(sources: dict[str, Path], out: Path) -> None:
    (product,) = describe.run(sources["10.heic"], {}, out, Context("image/heic", threads=1))
    assert json.loads((out / product.file).read_text())["colour"]["bits"] == 10


def test_a_fax_is_no_photograph(tmp_path: Path, out: Path) -> None:
    fax = tmp_path / "fax.tif"
    Image.new("1", (40, 30), 1).save(fax, compression="group4")
    (product,) = convert.run(fax, {}, out, Context("image/x", threads=1))
    assert product.media_type == "image/png"
