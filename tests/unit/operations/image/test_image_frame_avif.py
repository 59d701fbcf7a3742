"""Large AVIF of one frame, decoded by FFmpeg band by band, come out as libheif gives them."""

import io
import itertools
import struct
import subprocess
from pathlib import Path
from typing import Any, Final

import imageio_ffmpeg
import numpy as np
import psutil
import pytest
import pyvips
from PIL import Image

from golden import grid_files
from golden.image_samples import scene
from mediakiln.model.errors import BadMedia, MediakilnError
from mediakiln.operations.av import program
from mediakiln.operations.image.edit.transform import transform
from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.codecs import strips
from mediakiln.operations.image.pixels.parts import frame
from mediakiln.operations.image.pixels.picture import open_picture
from mediakiln.ports.operation import Context

CONTEXT: Final = Context("image/avif", threads=1)
ODD: Final = (151, 101)
EVEN: Final = (90, 100)
LOW: Final = (64, 7)
ORIENTATION: Final = 0x0112


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its size, a file is large here, and has several strips."""
    engine.setup(1)
    monkeypatch.setattr(frame, "LARGE_BYTES", 0)
    monkeypatch.setattr(strips, "_STRIP_BYTES", 5000)


def _pixels(size: tuple[int, int]) -> Any:
    """A scene, and noise of every colour."""
    pixels = np.asarray(scene(*size)).copy()
    noise = np.random.default_rng(1).integers(0, 256, (size[1] // 2, size[0], 3))
    pixels[: len(noise)] = noise
    return pixels


def _saved(path: Path, size: tuple[int, int] = ODD, mode: str = "RGB", **options: Any) -> Path:
    """By Pillow, with libavif."""
    image = Image.fromarray(_pixels(size)).convert(mode)
    if mode == "RGBA":
        image.putalpha(99)
    image.save(path, "AVIF", speed=10, **options)
    return path


def _written(path: Path, size: tuple[int, int] = ODD, **options: Any) -> Path:
    """By libvips, with libheif."""
    image = pyvips.Image.new_from_array(_pixels(size)).copy(interpretation="srgb")
    image.heifsave(str(path), compression="av1", effort=0, **options)
    return path


def _filmed(path: Path, *options: str) -> Path:
    """By FFmpeg, with libaom."""
    width, height = ODD
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
        "-s", f"{width}x{height}", "-i", "-", "-frames:v", "1", "-pix_fmt", "yuv420p",
        "-c:v", "libaom-av1", "-cpu-used", "8", "-still-picture", "1", *options, str(path),
    ]  # fmt: skip
    subprocess.run(command, input=_pixels(ODD).tobytes(), check=True)
    return path


def _right(path: Path) -> Any:
    """What libvips makes of the file by itself."""
    return engine.loaded(engine.open_source(path), "avif")


def _strips(path: Path) -> strips.Strips | None:
    return frame.avif(path, engine.loaded(engine.open_source(path), "avif"))


def _check(path: Path) -> None:
    right, picture = _right(path), open_picture(path, CONTEXT)
    assert isinstance(picture.passes, strips.Strips)
    read = picture.passes.opened()
    assert np.array_equal(read.numpy(), right.numpy())
    assert read.interpretation == right.interpretation
    assert {*read.get_fields()} - {"vips-sequential"} == {*right.get_fields()}


def _programs() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "ffmpeg" in child.name()]


@pytest.mark.parametrize("extent", ["full", "limited"])
@pytest.mark.parametrize("chroma", ["4:2:0", "4:2:2", "4:4:4", "4:0:0"])
def test_every_pixel_is_as_libheif_gives_it(tmp_path: Path, chroma: str, extent: str) -> None:
    for number, size in enumerate((ODD, EVEN, LOW)):
        path = tmp_path / f"{number}.avif"
        _check(_saved(path, size, subsampling=chroma, range=extent))


@pytest.mark.parametrize(
    "options",
    [{"subsample_mode": "on"}, {"subsample_mode": "off"}, {"lossless": True}, {"encoder": "svt"}],
    ids=["halved", "whole", "lossless", "by another encoder"],
)
def test_so_it_is_where_libvips_wrote_the_file(tmp_path: Path, options: dict[str, Any]) -> None:
    _check(_written(tmp_path / "x.avif", **options))


def test_so_it_is_where_a_film_encoder_wrote_it(tmp_path: Path) -> None:
    _check(_filmed(tmp_path / "x.avif"))


@pytest.mark.parametrize("chroma", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize(
    ("matrix", "extent"), list(itertools.product((1, 2, 5, 9), (0, 0x80))), ids=str
)
def test_what_the_file_says_of_colours_goes_before_what_the_frame_says(
    tmp_path: Path, matrix: int, extent: int, chroma: str
) -> None:
    # Where no matrix is named, the frame must not name one either.
    named = "bt709" if matrix != 2 else "unknown"
    whole = "yuv444p" if chroma == "4:4:4" else "yuv420p"
    _filmed(tmp_path / "x.avif", "-pix_fmt", whole, "-colorspace", named)
    _coloured(tmp_path / "x.avif", matrix, extent)
    _check(tmp_path / "x.avif")


def _coloured(path: Path, matrix: int, extent: int) -> None:
    data = path.read_bytes()
    at = data.index(b"colrnclx") + 8
    path.write_bytes(data[:at] + struct.pack(">HHHB", 1, 13, matrix, extent) + data[at + 7 :])


def test_colours_that_are_not_known_to_be_alike_are_left_to_libheif(tmp_path: Path) -> None:
    path = _saved(tmp_path / "x.avif", subsampling="4:4:4")
    for matrix, extent in ((8, 0x80), (0, 0), (12, 0x80), (2, 0x80)):
        _coloured(path, matrix, extent)
        assert _strips(path) is None


def test_of_several_images_it_is_the_primary_one(tmp_path: Path) -> None:
    path, shown = tmp_path / "x.avif", _pixels(EVEN)
    _check(grid_files.behind_another(path, shown[::-1], shown))


def test_the_profile_exif_and_xmp_are_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    profile = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb").icc_transform("p3")
    options = {"exif": exif.tobytes(), "icc_profile": profile.get("icc-profile-data")}
    path = _saved(tmp_path / "x.avif", xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", **options)
    _check(path)
    image = open_picture(path, CONTEXT).header
    assert image.get("exif-ifd0-Make").startswith("a maker")
    assert image.get("icc-profile-data") == options["icc_profile"]


def test_exif_does_not_turn_what_the_file_does_not_turn(tmp_path: Path) -> None:
    path = _written(tmp_path / "x.avif")
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<HHI", ORIENTATION, 3, 1)) + 8] = 6
    path.write_bytes(data)
    _check(path)
    picture = open_picture(path, CONTEXT)
    scaled = picture.scaled(*ODD, frames=False)
    assert np.array_equal(scaled.numpy(), _right(path).numpy())


def test_what_is_turned_transparent_deep_or_grainy_is_left_to_libheif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    left = [
        _saved(tmp_path / "turned.avif", exif=exif.tobytes()),
        _saved(tmp_path / "clear.avif", mode="RGBA"),
        _written(tmp_path / "deep.avif", bitdepth=10),
        _filmed(tmp_path / "grainy.avif", "-aom-params", "film-grain-test=1"),
    ]
    assert [path.name for path in left if _strips(path) is not None] == []


def test_a_file_with_a_thumbnail_is_left_to_libheif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    path = _saved(tmp_path / "x.avif", exif=exif.tobytes())
    header = _right(path)
    assert frame.avif(path, header) is not None
    path.write_bytes(path.read_bytes().replace(b"cdsc", b"thmb"))
    assert frame.avif(path, header) is None


def test_small_ones_are_left_to_libheif_and_all_where_there_is_no_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _saved(tmp_path / "x.avif")
    assert _strips(path) is not None
    monkeypatch.setattr(program, "executable", lambda: "/nowhere/ffmpeg")
    program.decodes.cache_clear()
    assert _strips(path) is None
    monkeypatch.undo()
    program.decodes.cache_clear()
    assert _strips(path) is None, "it is small"


@pytest.mark.parametrize(
    "steps", [[], [{"op": "image.crop", "left": 9, "top": 60, "width": 90, "height": 20}]]
)
def test_edits_make_the_same_of_a_large_file_as_of_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[dict[str, Any]]
) -> None:
    path, made = _saved(tmp_path / "x.avif"), []
    for least in (0, 1 << 40):
        monkeypatch.setattr(frame, "LARGE_BYTES", least)
        out = tmp_path / str(least)
        out.mkdir()
        every = [*steps, {"op": "image.resize", "width": 40}]
        (product,) = transform.run(path, {"steps": every, "format": "png"}, out, CONTEXT)
        made.append((out / product.file).read_bytes())
    assert made[0] == made[1]
    assert not _programs()


def test_pixels_that_nobody_reads_any_more_end_the_program(tmp_path: Path) -> None:
    path = tmp_path / "x.avif"
    flat = pyvips.Image.black(1500, 700, bands=3).copy(interpretation="srgb")
    flat.heifsave(str(path), compression="av1", effort=0)
    held = _strips(path)
    assert held is not None
    rows = held.begin()
    assert len(rows(0, 1)) == 3 * 1500
    assert _programs()
    del rows
    assert not _programs()


def test_damage_is_found_where_libheif_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.avif"
    good = _written(path).read_bytes()
    start, random = good.rindex(b"mdat") + 20, np.random.default_rng(7)
    damaged = 0
    for number in range(12):
        data, at = bytearray(good), int(random.integers(start, len(good) - 60))
        data[at : at + 1 + 40 * (number % 2)] = random.bytes(1 + 40 * (number % 2))
        path.write_bytes(data)
        monkeypatch.setattr(frame, "LARGE_BYTES", 0)
        made = _made(path)
        monkeypatch.setattr(frame, "LARGE_BYTES", 1 << 40)
        assert made == _made(path)
        damaged += made is None
    assert damaged


def _made(path: Path) -> bytes | None:
    """Pixels; None where the file is said to be damaged."""
    try:
        picture = open_picture(path, CONTEXT)
        with engine.translated():
            return bytes(picture.scaled(*ODD, frames=False).write_to_memory())
    except BadMedia:
        return None


def test_a_file_that_was_cut_short_is_damaged(tmp_path: Path) -> None:
    path = _written(tmp_path / "x.avif")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadMedia, match="damaged"):
        transform.run(path, {"steps": []}, tmp_path, CONTEXT)


def test_whatever_is_damaged_ends_in_pixels_or_an_error_of_ours(tmp_path: Path) -> None:
    file, path = io.BytesIO(), tmp_path / "x.avif"
    Image.fromarray(_pixels(LOW)).save(file, "AVIF", speed=10)
    for data in itertools.islice(grid_files.damaged(file.getvalue()), 0, None, 2):
        path.write_bytes(data)
        try:
            picture = open_picture(path, CONTEXT)
            with engine.translated():
                picture.scaled(20, 20, frames=False).write_to_memory()
        except MediakilnError:
            pass
    assert not _programs()
