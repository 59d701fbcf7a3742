"""HEIC and AVIF files whose image is a grid of tiles, as telephones write them."""

import struct
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import imageio_ffmpeg
import numpy as np
import pyvips
from numpy.typing import NDArray

from golden.deep_files import _box, _content

TILE = 64
LARGE_TILE = 512
"""As telephones have them."""
NAMED = b"nclx" + struct.pack(">HHHB", 1, 13, 1, 0x80)
"""BT.709's primaries and matrix, sRGB's curve, the full range."""
_INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1", b"hvcC")
_FIXED = {b"stsd": 8, b"hvc1": 78}


def heic(
    path: Path, pixels: NDArray[Any], *further: tuple[bytes, bytes], long: bool = False
) -> Path:
    """The pixels (rows, columns, RGB) in tiles of 64; `further` is said of the whole.

    `long` writes what newer software does: links to properties and places of 16 and 64 bits.
    """
    height, width = pixels.shape[:2]
    tiles = [_encoded(tile.tobytes(), TILE) for tile in _cut(pixels)]
    path.write_bytes(_file(tiles, (width, height), TILE, further, long=long))
    return path


def avif(
    path: Path,
    pixels: NDArray[Any],
    *further: tuple[bytes, bytes],
    colour: bytes | None = None,
    chroma: str = "on",
) -> Path:
    """The same in AV1. `colour` is the content of the property that says what colours are."""
    file = _file(
        [_coded(tile, chroma) for tile in _cut(pixels)],
        (pixels.shape[1], pixels.shape[0]),
        TILE,
        further,
        colour=colour,
    )
    path.write_bytes(_named_av1(file))
    return path


def behind_another(path: Path, first: NDArray[Any], shown: NDArray[Any]) -> Path:
    """An AVIF of two images, the first of which is hidden; both are of one size."""
    coded = [_coded(pixels, "on") for pixels in (first, shown)]
    (height, width), tiles = shown.shape[:2], [data for _, data in coded]
    entries = [
        _box(b"infe", bytes([2, 0, 0, item == 1]), struct.pack(">HH", item, 0), b"av01\0")
        for item in (1, 2)
    ]
    said = (
        _box(b"ispe", struct.pack(">III", 0, width, height)),
        *(_box(b"av1C", configuration) for configuration, _ in coded),
    )
    links = struct.pack(">HBBBHBBB", 1, 2, 1, 0x82, 2, 2, 1, 0x83)
    head = [
        _box(b"hdlr", bytes(8), b"pict", bytes(13)),
        _box(b"pitm", bytes(4), struct.pack(">H", 2)),
        _box(b"iinf", bytes(4), struct.pack(">H", 2), *entries),
        _box(
            b"iprp",
            _box(b"ipco", *said),
            _box(b"ipma", bytes(4), struct.pack(">I", 2), links),
        ),
    ]
    start = _box(b"ftyp", b"avif", bytes(4), b"mif1", b"avif")

    def described(place: int) -> bytes:
        ends = (place, place + len(tiles[0]))
        places = b"".join(
            struct.pack(">HHHII", item, 0, 1, end, len(data))
            for item, end, data in zip((1, 2), ends, tiles, strict=True)
        )
        iloc = _box(b"iloc", bytes(4), b"\x44\0", struct.pack(">H", 2), places)
        return _box(b"meta", bytes(4), *head, iloc)

    where = len(start) + len(described(0)) + 8
    path.write_bytes(start + described(where) + _box(b"mdat", *tiles))
    return path


def repeated_avif(path: Path, tile: NDArray[Any], width: int, height: int) -> Path:
    """One tile, again and again, in AV1. libvips takes files of up to 255."""
    side = len(tile)
    count = -(-width // side) * -(-height // side)
    file = _file([_coded(tile, "on")] * count, (width, height), side)
    path.write_bytes(_named_av1(file))
    return path


def _named_av1(file: bytes) -> bytes:
    for heic, avif in ((b"hvcC", b"av1C"), (b"hvc1", b"av01"), (b"heic", b"avif")):
        start = file[: file.index(b"mdat")].replace(heic, avif)
        file = start + file[len(start) :]
    return file


def _coded(pixels: NDArray[Any], chroma: str) -> tuple[bytes, bytes]:
    """A picture's decoder configuration and its AV1."""
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels)).copy(interpretation="srgb")
    data = image.heifsave_buffer(
        compression="av1", effort=0, Q=80, subsample_mode=chroma, keep="none"
    )
    configuration = data
    for kind in (b"meta", b"iprp", b"ipco", b"av1C"):
        configuration = _content(configuration, kind)[4 if kind == b"meta" else 0 :]
    return configuration, _content(data, b"mdat")


def _cut(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """The pixels in tiles of 64."""
    height, width = pixels.shape[:2]
    down, across = -height % TILE, -width % TILE
    whole = np.pad(pixels, ((0, down), (0, across), (0, 0)), "edge")
    return [
        whole[y : y + TILE, x : x + TILE]
        for y in range(0, height, TILE)
        for x in range(0, width, TILE)
    ]


def repeated(path: Path, tile: NDArray[Any], width: int, height: int) -> Path:
    """One tile of 512, again and again."""
    count = -(-width // LARGE_TILE) * -(-height // LARGE_TILE)
    path.write_bytes(
        _file([_encoded(tile.tobytes(), LARGE_TILE)] * count, (width, height), LARGE_TILE)
    )
    return path


@cache
def _encoded(pixels: bytes, side: int) -> tuple[bytes, bytes]:
    """A picture's decoder configuration and its HEVC."""
    with TemporaryDirectory() as folder:
        film = Path(folder) / "x.mp4"
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y",
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{side}x{side}", "-i", "-",
            "-vf", "scale=out_color_matrix=bt709:out_range=pc", "-frames:v", "1",
            "-pix_fmt", "yuv420p", "-c:v", "libx265", "-tag:v", "hvc1",
            "-x265-params", "log-level=none:range=full:pools=1", str(film),
        ]  # fmt: skip
        subprocess.run(command, input=pixels, check=True)
        data = coded = film.read_bytes()
    for kind in _INSIDE:
        data = _content(data, kind)[_FIXED.get(kind, 0) :]
    return data, _content(coded, b"mdat")


def _file(
    coded: Sequence[tuple[bytes, bytes]],
    size: tuple[int, int],
    tile: int,
    further: Sequence[tuple[bytes, bytes]] = (),
    *,
    long: bool = False,
    colour: bytes | None = NAMED,
) -> bytes:
    (width, height), tiles = size, [data for _, data in coded]
    down, across = -(-height // tile), -(-width // tile)
    grid = struct.pack(">4BHH", 0, 0, down - 1, across - 1, width, height)
    said = [
        (b"hvcC", coded[0][0]),
        (b"ispe", struct.pack(">III", 0, tile, tile)),
        (b"colr", colour) if colour else (b"pixi", b"\0\0\0\0\3\10\10\10"),
        (b"ispe", struct.pack(">III", 0, width, height)),
        *further,
    ]
    first = len(tiles) + 1
    of_grid = [4, 3, *range(5, len(said) + 1)]
    links = b""
    for item, numbers in [*((n, [1, 2, 3]) for n in range(1, first)), (first, of_grid)]:
        links += struct.pack(">HB", item, len(numbers))
        links += struct.pack(f">{len(numbers)}{'H' if long else 'B'}", *numbers)
    kinds = [b"hvc1"] * len(tiles) + [b"grid"]
    entries = [
        _box(b"infe", bytes([2, 0, 0, kind != b"grid"]), struct.pack(">HH", item, 0), kind, b"\0")
        for item, kind in enumerate(kinds, start=1)
    ]
    refers = struct.pack(f">{first + 1}H", first, len(tiles), *range(1, first))
    head = [
        _box(b"hdlr", bytes(8), b"pict", bytes(13)),
        _box(b"pitm", bytes(4), struct.pack(">H", first)),
        _box(b"iinf", bytes(4), struct.pack(">H", first), *entries),
        _box(b"iref", bytes(4), _box(b"dimg", refers)),
        _box(
            b"iprp",
            _box(b"ipco", *(_box(*each) for each in said)),
            _box(b"ipma", bytes([0, 0, 0, long]), struct.pack(">I", first), links),
        ),
        _box(b"idat", grid),
    ]
    start = _box(b"ftyp", b"heic", bytes(4), b"mif1", b"heic")

    def described(place: int) -> bytes:
        numbers = ">HHHHQQ" if long else ">HHHHII"
        places = b""
        for item, data in enumerate(tiles, start=1):
            places += struct.pack(numbers, item, 0, 0, 1, place, len(data))
            place += len(data)
        places += struct.pack(numbers, first, 1, 0, 1, 0, len(grid))
        sizes = b"\x88\0" if long else b"\x44\0"
        iloc = _box(b"iloc", b"\1\0\0\0", sizes, struct.pack(">H", first), places)
        return _box(b"meta", bytes(4), *head, iloc)

    return start + described(len(start) + len(described(0)) + 8) + _box(b"mdat", *tiles)


def damaged(good: bytes) -> Iterator[bytes]:
    """Sixty files, each with a byte changed before its tiles; each fourth is cut off instead."""
    end = good.index(b"mdat")
    random = np.random.default_rng(7)
    for number in range(60):
        data = bytearray(good)
        data[int(random.integers(24, end))] = int(random.integers(256))
        yield bytes(data if number % 4 else data[: int(random.integers(24, len(data)))])
