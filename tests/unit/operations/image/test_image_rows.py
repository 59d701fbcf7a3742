"""Large BMP, PNM and GIF files that are read by rows come out as their decoders give them."""

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import pyvips
from PIL import Image

from golden.image_samples import scene
from mediakiln.model.errors import BadMedia
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.pixels import engine, raster
from mediakiln.operations.image.pixels.codecs import rows, strips
from mediakiln.operations.image.pixels.picture import open_picture
from mediakiln.ports.operation import Context

CONTEXT: Final = Context("image/x", threads=1)
SIZES: Final = [(1, 1), (37, 23), (131, 129)]
MASKS: Final = {
    "555": (16, (0x7C00, 0x3E0, 0x1F, 0)),
    "565": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "xrgb": (32, (0xFF0000, 0xFF00, 0xFF, 0)),
    "argb": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "rgba": (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its size, a file is large here, and has several strips."""
    engine.setup(1)
    monkeypatch.setattr(rows, "LARGE_BYTES", 0)
    monkeypatch.setattr(strips, "_STRIP_BYTES", 1000)


def bitmap(path: Path, size: tuple[int, int], kind: str, *, down: bool = False) -> Path:
    """A BMP of random pixels (version 4 of its header, by which masks of alpha are known)."""
    (width, height), (bits, masks) = size, MASKS[kind]
    data = np.random.default_rng(3).bytes((width * bits + 31) // 32 * 4 * height)
    head = struct.pack("<IiiHHIIiiII", 108, width, -height if down else height, 1, bits, 3,
        len(data), 2835, 2835, 0, 0) + struct.pack("<4I", *masks) + bytes(52)  # fmt: skip
    path.write_bytes(b"BM" + struct.pack("<IHHI", 122 + len(data), 0, 0, 122) + head + data)
    return path


def same(path: Path, name: Any) -> None:
    """Assert that by rows it is what Pillow makes of the whole file."""
    found = rows.plain(path, name)
    assert found is not None
    whole = raster._pillow(path, name, 10**6).image
    read = found.opened()
    assert (read.bands, read.interpretation) == (whole.bands, whole.interpretation)
    assert np.array_equal(read.numpy(), whole.numpy())
    picture = open_picture(path, CONTEXT)
    assert (picture.width, picture.height, picture.alpha) == (
        whole.width, whole.height, whole.hasalpha(),
    )  # fmt: skip
    assert picture.passes is not None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("kind", MASKS)
def test_a_bmp_of_every_layout_is_read_as_pillow_reads_it(
    tmp_path: Path, size: tuple[int, int], kind: str, *, down: bool
) -> None:
    same(bitmap(tmp_path / "x.bmp", size, kind, down=down), "bmp")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_a_bmp_of_every_mode_is_read_as_pillow_reads_it(
    tmp_path: Path, size: tuple[int, int], mode: str
) -> None:
    image = Image.fromarray(np.asarray(scene(*size)))
    (image.quantize(9) if mode == "P" else image.convert(mode)).save(tmp_path / "x.bmp")
    same(tmp_path / "x.bmp", "bmp")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_pnm_of_every_mode_is_read_as_pillow_reads_it(
    tmp_path: Path, size: tuple[int, int], mode: str
) -> None:
    Image.fromarray(np.asarray(scene(*size))).convert(mode).save(tmp_path / "x.ppm")
    same(tmp_path / "x.ppm", "pnm")


@pytest.mark.parametrize(
    "content",
    [b"P2 2 1 255\n1 2\n", b"P5 2 1 65535\n\0\1\0\2", b"P6 2 1 100\n123456", b"P5 9 9 255\nshort"],
    ids=["words", "deep", "scaled", "short"],
)
def test_what_rows_cannot_be_cut_from_is_left_to_pillow(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert rows.plain(tmp_path / "x", "pnm") is None


def test_a_bmp_that_ends_too_early_fails_as_it_does_whole(tmp_path: Path) -> None:
    path = bitmap(tmp_path / "x.bmp", (37, 23), "xrgb")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadMedia, match="truncated"):
        open_picture(path, CONTEXT)


def drawn(path: Path, kind: str) -> Path:
    """A GIF of one frame."""
    photo = Image.fromarray(np.asarray(scene(131, 57)))
    image = photo.quantize({"two": 2}.get(kind, 60))
    if kind.endswith("grey"):
        image = photo.convert("L")
    options: dict[str, Any] = {"interlace": kind == "interlaced"}
    if kind in {"clear", "clear grey", "disposed"}:
        options["transparency"] = 3
    if kind == "disposed":
        options["disposal"] = 2
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    "kind", ["grey", "greys", "two", "colours", "interlaced", "clear", "disposed"]
)
def test_a_gif_is_read_as_libvips_reads_it(tmp_path: Path, kind: str) -> None:
    path = drawn(tmp_path / "x.gif", kind)
    whole = pyvips.Image.new_from_file(str(path))
    found = rows.indexed(path, whole)
    assert found is not None
    read = found.opened()
    assert read.interpretation == whole.interpretation
    assert np.array_equal(read.numpy(), whole.numpy())
    for field in set(whole.get_fields()) - {"filename", "vips-loader", "gif-palette"}:
        assert read.get(field) == whole.get(field), field


def test_a_gif_of_frames_or_with_borders_is_left_to_libvips(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "frames.gif", save_all=True, append_images=frames[1:], loop=0)
    path = drawn(tmp_path / "x.gif", "colours")
    bordered = bytearray(path.read_bytes())
    bordered[6:10] = struct.pack("<HH", 140, 60)
    (tmp_path / "bordered.gif").write_bytes(bordered)
    for name in ("frames.gif", "bordered.gif"):
        picture = open_picture(tmp_path / name, CONTEXT)
        assert picture.passes is None, name


def test_a_gif_that_ends_too_early_is_damaged(tmp_path: Path) -> None:
    path = drawn(tmp_path / "x.gif", "colours")
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(BadMedia, match="damaged"):
        transform.run(path, {"steps": [{"op": "image.resize", "width": 20}]}, tmp_path, CONTEXT)


@pytest.mark.parametrize("name", ["x.bmp", "x.gif"])
@pytest.mark.parametrize(
    "steps",
    [
        [{"op": "image.resize", "width": 40}],
        [{"op": "image.crop", "left": 9, "width": 90}, {"op": "image.rotate", "angle": 90}],
        [{"op": "image.trim"}],
    ],
    ids=["resize", "crop", "trim"],
)
def test_edits_make_the_same_of_a_large_file_as_of_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, steps: list[dict[str, Any]]
) -> None:
    path = tmp_path / name
    if name == "x.gif":
        drawn(path, "clear")
    else:
        Image.fromarray(np.asarray(scene(131, 57))).save(path)
    made = []
    for least in (0, 1 << 40):
        monkeypatch.setattr(rows, "LARGE_BYTES", least)
        out = tmp_path / str(least)
        out.mkdir()
        (product,) = transform.run(path, {"steps": steps, "format": "png"}, out, CONTEXT)
        made.append((out / product.file).read_bytes())
    assert made[0] == made[1]
