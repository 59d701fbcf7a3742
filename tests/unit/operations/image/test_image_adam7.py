"""Interlaced PNGs that are read pass by pass come out as any decoder gives them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from golden.image_samples import pixels, psnr, scene, srgb_profile
from mediakiln.model.errors import BadMedia
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.codecs import adam7
from mediakiln.ports.operation import Context

SIZES = [(1, 1), (5, 1), (41, 1), (1, 40), (3, 2), (7, 9), (8, 8), (33, 17), (129, 131)]


@pytest.fixture(autouse=True)
def ready() -> None:
    engine.setup(1)


def _interlaced(path: Path, image: Any, **options: Any) -> Path:
    image.pngsave(str(path), interlace=True, **options)
    return path


def _read(path: Path) -> Any:
    return adam7.Passes(path, pyvips.Image.new_from_file(str(path))).opened()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_every_pixel_of_every_size_is_where_it_belongs(
    tmp_path: Path, size: tuple[int, int], bands: int
) -> None:
    for kind in (np.uint8, np.uint16):
        values = np.random.default_rng(1).integers(0, np.iinfo(kind).max, (*size[::-1], bands))
        image = pyvips.Image.new_from_array(values.astype(kind))
        deep, grey = kind is np.uint16, bands < 3
        space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
        read = _read(_interlaced(tmp_path / "x.png", image.copy(interpretation=space)))
        assert (read.width, read.height, read.bands) == (*size, bands)
        assert read.interpretation == space
        assert np.array_equal(read.numpy().reshape(values.shape), values)


def test_passes_are_packed_where_they_would_take_much_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = _interlaced(tmp_path / "x.png", pyvips.Image.black(300, 200, bands=3))
    sizes = []
    for least in (adam7.PACKED_BYTES, 0):
        monkeypatch.setattr(adam7, "PACKED_BYTES", least)
        passes = adam7.Passes(path, pyvips.Image.new_from_file(str(path)))
        assert passes.opened().max() == 0
        sizes.append(sum(file.stat().st_size for file in tmp_path.glob("passes-*/*")))
        del passes
    assert sizes[0] > 300 * 200 * 3 > 10 * sizes[1]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palettes_of_every_depth_are_read_as_libvips_reads_them(tmp_path: Path, depth: int) -> None:
    image = pyvips.Image.new_from_array(np.asarray(scene(37, 23))).copy(interpretation="srgb")
    path = _interlaced(tmp_path / "x.png", image, palette=True, bitdepth=depth)
    whole = pyvips.Image.new_from_file(str(path))
    assert np.array_equal(_read(path).numpy(), whole.numpy())


def test_its_profile_and_orientation_come_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = pyvips.Image.new_from_array(np.asarray(scene(160, 96))).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", srgb_profile())
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    source = _interlaced(tmp_path / "x.png", image)
    steps = [{"op": "image.crop", "width": "80%"}, {"op": "image.resize", "width": 48}]
    made = []
    for least in (adam7.LARGE_BYTES, 0):
        monkeypatch.setattr(adam7, "LARGE_BYTES", least)
        (tmp_path / str(least)).mkdir()
        params = {"steps": steps, "format": "png", "metadata": "icc"}
        (product,) = transform.run(source, params, tmp_path / str(least), Context("image/png"))
        made.append(pixels(tmp_path / str(least) / product.file))
    assert made[0].shape == made[1].shape
    assert psnr(*made) > 60


@pytest.mark.parametrize("damage", ["cut", "sum", "short", "noise"])
def test_damage_is_found(tmp_path: Path, damage: str) -> None:
    image = pyvips.Image.new_from_array(np.asarray(scene(64, 64))).copy(interpretation="srgb")
    path = _interlaced(tmp_path / "x.png", image)
    header = pyvips.Image.new_from_file(str(path))
    data = bytearray(path.read_bytes())
    pixels_at = data.index(b"IDAT") + 4
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "sum":
        data[data.index(b"IEND") - 8] ^= 1
    elif damage == "short":
        data[16:24] = (80).to_bytes(4) * 2
    else:
        data[pixels_at + 40 : pixels_at + 60] = b"\xff" * 20
    path.write_bytes(data)
    with pytest.raises(BadMedia):
        adam7.Passes(path, header).opened()


def test_its_files_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    image = pyvips.Image.new_from_array(np.asarray(scene(16, 16))).copy(interpretation="srgb")
    path = _interlaced(tmp_path / "x.png", image)
    passes = adam7.Passes(path, pyvips.Image.new_from_file(str(path)))
    assert passes.opened().avg() == pyvips.Image.new_from_file(str(path)).avg()
    assert list(tmp_path.glob("passes-*"))
    del passes
    assert not list(tmp_path.glob("passes-*"))
