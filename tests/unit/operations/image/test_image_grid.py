"""Large HEIC files that are read tile by tile come out as libheif gives them."""

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from golden import grid_files
from golden.image_samples import scene
from mediakiln.model.errors import BadMedia, MediakilnError
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.pixels import engine, raster
from mediakiln.operations.image.pixels.codecs import strips
from mediakiln.operations.image.pixels.managed.target import Target
from mediakiln.operations.image.pixels.parts import grid
from mediakiln.operations.image.pixels.parts.view import View
from mediakiln.operations.image.pixels.picture import open_picture
from mediakiln.ports.operation import Context

CONTEXT: Final = Context("image/heic", threads=1)
SIZE: Final = (150, 100)
MOST: Final = 10**6


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its size, a file is large here, and has several strips."""
    engine.setup(1)
    monkeypatch.setattr(grid, "LARGE_BYTES", 0)
    monkeypatch.setattr(strips, "_STRIP_BYTES", 5000)


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiled") / "x.heic"
    return grid_files.heic(path, np.asarray(scene(*SIZE)))


def whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What libheif makes of all of the file."""
    with monkeypatch.context() as patch:
        patch.setattr(grid, "strips", lambda *_: None)
        return raster.decode(path, "heic", MOST)


@pytest.mark.parametrize("turns", range(4))
def test_so_is_every_pixel_of_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    turned = (b"irot", bytes([turns]))
    path = grid_files.heic(tmp_path / "x.heic", np.asarray(scene(*SIZE)), turned)
    right = whole(path, monkeypatch)
    monkeypatch.setattr(grid, "LARGE_BYTES", 1 << 40)
    made = raster.decode(path, "heic", MOST)
    assert made.strips is None
    assert np.array_equal(made.image.numpy(), right.image.numpy())
    assert set(made.image.get_fields()) == set(right.image.get_fields())
    assert made.declared == right.declared


@pytest.mark.parametrize("long", [False, True])
def test_every_pixel_is_as_libheif_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, long: bool
) -> None:
    path = grid_files.heic(tmp_path / "x.heic", np.asarray(scene(*SIZE)), long=long)
    right, made = whole(path, monkeypatch), raster.decode(path, "heic", MOST)
    assert right.strips is None
    assert made.strips is not None
    read = made.strips.opened()
    assert np.array_equal(read.numpy(), right.image.numpy())
    assert read.interpretation == right.image.interpretation
    assert set(made.image.get_fields()) == set(right.image.get_fields())
    assert made.declared == right.declared


@pytest.mark.parametrize(
    "further",
    [
        (b"imir", b"\0"),
        (b"clap", struct.pack(">8I", 100, 1, 50, 1, 0, 1, 0, 1)),
    ],
    ids=["mirrored", "cut"],
)
def test_what_is_mirrored_or_cut_is_left_to_libheif(
    tmp_path: Path, further: tuple[bytes, bytes]
) -> None:
    path = grid_files.heic(tmp_path / "x.heic", np.asarray(scene(*SIZE)), further)
    assert open_picture(path, CONTEXT).passes is None


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (b"meta", b"free"),
        (struct.pack(">HHHH", 1, 0, 0, 1), struct.pack(">HHHH", 1, 1, 0, 1)),
        (struct.pack(">III", 0, 64, 64), struct.pack(">III", 0, 1 << 31, 64)),
        (b"dimg", b"cdsc"),
    ],
    ids=["without items", "inside", "vast tile", "no parts"],
)
def test_what_is_told_otherwise_is_left_to_libheif(
    tmp_path: Path, tiled: Path, found: bytes, instead: bytes
) -> None:
    data = tiled.read_bytes().replace(found, instead, 1)
    (tmp_path / "x.heic").write_bytes(data)
    assert grid.strips(tmp_path / "x.heic", *SIZE) is None


def test_a_tile_beyond_the_files_end_is_left_to_libheif(tmp_path: Path, tiled: Path) -> None:
    (tmp_path / "x.heic").write_bytes(tiled.read_bytes()[:-1])
    assert grid.strips(tiled, *SIZE) is not None
    assert grid.strips(tmp_path / "x.heic", *SIZE) is None


def test_edits_make_the_same_of_a_large_file_as_of_a_small_one(
    tmp_path: Path, tiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [{"op": "image.crop", "left": 9, "width": 90}, {"op": "image.resize", "width": 40}]
    made = []
    for least in (0, 1 << 40):
        monkeypatch.setattr(grid, "LARGE_BYTES", least)
        out = tmp_path / str(least)
        out.mkdir()
        (product,) = transform.run(tiled, {"steps": steps, "format": "png"}, out, CONTEXT)
        made.append((out / product.file).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_turned_comes_out_upright(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int, depth: int
) -> None:
    pixels = np.asarray(scene(*SIZE))
    path = grid_files.heic(tmp_path / "x.heic", pixels, (b"irot", bytes([turns])))
    made = []
    for least in (0, 1 << 40):
        monkeypatch.setattr(grid, "LARGE_BYTES", least)
        picture = open_picture(path, CONTEXT)
        assert (picture.passes is None) == (least > 0)
        assert (picture.width, picture.height) == (SIZE[::-1] if turns % 2 else SIZE)
        size = (picture.width, picture.height)
        view = View.whole(picture).decoded(*size, target=Target(depth=depth))
        out = tmp_path / str(least)
        out.mkdir()
        steps = [{"op": "image.crop", "left": 9, "width": 70}, {"op": "image.pad", "padding": 3}]
        (product,) = transform.run(path, {"steps": steps, "format": "png"}, out, CONTEXT)
        made.append((view.numpy(), (out / product.file).read_bytes()))
    assert np.array_equal(made[0][0], made[1][0])
    assert made[0][1] == made[1][1]


@pytest.mark.parametrize("large", [False, True])
def test_a_damaged_tile_is_an_error(
    tmp_path: Path, tiled: Path, monkeypatch: pytest.MonkeyPatch, *, large: bool
) -> None:
    monkeypatch.setattr(grid, "LARGE_BYTES", 0 if large else 1 << 40)
    data = bytearray(tiled.read_bytes())
    data[-300:] = bytes(300)
    (tmp_path / "x.heic").write_bytes(data)
    with pytest.raises(BadMedia, match="damaged"):
        transform.run(tmp_path / "x.heic", {"steps": []}, tmp_path, CONTEXT)


def test_whatever_is_damaged_ends_in_pixels_or_an_error_of_ours(
    tmp_path: Path, tiled: Path
) -> None:
    path = tmp_path / "x.heic"
    for data in grid_files.damaged(tiled.read_bytes()):
        path.write_bytes(data)
        try:
            picture = open_picture(path, CONTEXT)
            with engine.translated():
                picture.scaled(20, 20, frames=False)
        except MediakilnError:
            pass
