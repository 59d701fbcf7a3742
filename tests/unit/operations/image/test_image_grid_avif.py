"""AVIF files that are read tile by tile come out as libvips gives them."""

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from golden import grid_files
from golden.image_samples import scene
from mediakiln.model.errors import BadMedia, MediakilnError
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.codecs import strips
from mediakiln.operations.image.pixels.parts import grid
from mediakiln.operations.image.pixels.picture import open_picture
from mediakiln.ports.operation import Context

CONTEXT: Final = Context("image/avif", threads=1)
SIZE: Final = (150, 100)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has several strips here."""
    engine.setup(1)
    monkeypatch.setattr(strips, "_STRIP_BYTES", 5000)


def _read(path: Path) -> Any:
    """What libvips makes of the file by itself."""
    return engine.loaded(engine.open_source(path), "avif")


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiled") / "x.avif"
    return grid_files.avif(path, np.asarray(scene(*SIZE)))


@pytest.mark.parametrize(
    ("colour", "chroma"),
    [
        (None, "on"),
        (None, "off"),
        (grid_files.NAMED, "on"),
        (b"nclx" + struct.pack(">HHHB", 9, 16, 9, 0), "on"),
        (b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80), "off"),
    ],
    ids=["unnamed", "unnamed, whole chroma", "709", "2020 limited", "601, whole chroma"],
)
def test_every_pixel_is_as_libvips_gives_it(
    tmp_path: Path, colour: bytes | None, chroma: str
) -> None:
    pixels = np.asarray(scene(*SIZE))
    path = grid_files.avif(tmp_path / "x.avif", pixels, colour=colour, chroma=chroma)
    right, picture = _read(path), open_picture(path, CONTEXT)
    assert isinstance(picture.passes, strips.Strips)
    read = picture.passes.opened()
    assert np.array_equal(read.numpy(), right.numpy())
    assert read.interpretation == right.interpretation
    assert {*read.get_fields()} - {"vips-sequential"} == {*right.get_fields()}


@pytest.mark.parametrize(
    "further",
    [
        (b"irot", b"\1"),
        (b"imir", b"\0"),
        (b"clap", struct.pack(">8I", 100, 1, 50, 1, 0, 1, 0, 1)),
    ],
    ids=["turned", "mirrored", "cut"],
)
def test_what_is_turned_mirrored_or_cut_is_left_to_libvips(
    tmp_path: Path, further: tuple[bytes, bytes]
) -> None:
    path = grid_files.avif(tmp_path / "x.avif", np.asarray(scene(*SIZE)), further)
    assert open_picture(path, CONTEXT).passes is None


def test_a_file_with_a_thumbnail_is_left_to_libvips(tmp_path: Path, tiled: Path) -> None:
    data = tiled.read_bytes()
    end = data.index(b"mdat")
    size = struct.unpack(">I", data[data.index(b"iref") - 4 : data.index(b"iref")])[0]
    thumbnail = struct.pack(">I4sHHH", 14, b"thmb", 1, 1, 7)
    grown = data[:end].replace(
        struct.pack(">I4s", size, b"iref"), struct.pack(">I4s", size + 14, b"iref")
    )
    at = grown.index(b"iref") - 4 + size
    (tmp_path / "x.avif").write_bytes(grown[:at] + thumbnail + grown[at:] + data[end:])
    assert open_picture(tiled, CONTEXT).passes is not None
    header = open_picture(tiled, CONTEXT).header
    assert grid.avif(tmp_path / "x.avif", header) is None


def test_others_are_left_to_libvips(tiled: Path) -> None:
    header = open_picture(tiled, CONTEXT).header
    assert grid.avif(tiled, header) is not None
    assert grid.avif(tiled, header.bandjoin(255)) is None
    assert grid.strips(tiled, *SIZE) is None, "HEIC has no tiles of AV1"


@pytest.mark.parametrize("steps", [[], [{"op": "image.crop", "left": 9, "width": 90}]])
def test_edits_make_the_same_of_tiles_as_of_what_libheif_joins(
    tmp_path: Path, tiled: Path, monkeypatch: pytest.MonkeyPatch, steps: list[dict[str, Any]]
) -> None:
    made = []
    for by_tiles in (True, False):
        if not by_tiles:
            monkeypatch.setattr(grid, "avif", lambda *_: None)
        out = tmp_path / str(by_tiles)
        out.mkdir()
        every = [*steps, {"op": "image.resize", "width": 40}]
        (product,) = transform.run(tiled, {"steps": every, "format": "png"}, out, CONTEXT)
        made.append((out / product.file).read_bytes())
    assert made[0] == made[1]


def test_a_damaged_tile_is_an_error(tmp_path: Path, tiled: Path) -> None:
    data = bytearray(tiled.read_bytes())
    data[-100:] = bytes(100)
    (tmp_path / "x.avif").write_bytes(data)
    with pytest.raises(BadMedia, match="damaged"):
        transform.run(tmp_path / "x.avif", {"steps": []}, tmp_path, CONTEXT)


def test_whatever_is_damaged_ends_in_pixels_or_an_error_of_ours(
    tmp_path: Path, tiled: Path
) -> None:
    path = tmp_path / "x.avif"
    for data in grid_files.damaged(tiled.read_bytes()):
        path.write_bytes(data)
        try:
            picture = open_picture(path, CONTEXT)
            with engine.translated():
                picture.scaled(20, 20, frames=False)
        except MediakilnError:
            pass
