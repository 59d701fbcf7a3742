"""HEIC files whose image is a grid of tiles, as telephones write them."""

import struct
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from golden.deep_files import _box, _content

TILE = 64
LARGE_TILE = 512
"""As telephones have them."""
_INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1", b"hvcC")
_FIXED = {b"stsd": 8, b"hvc1": 78}


def heic(
    path: Path, pixels: NDArray[Any], *further: tuple[bytes, bytes], long: bool = False
) -> Path:
    """The pixels (rows, columns, RGB) in tiles of 64; `further` is said of the whole.

    `long` writes what newer software does: links to properties and places of 16 and 64 bits.
    """
    height, width = pixels.shape[:2]
    down, across = -(-height // TILE), -(-width // TILE)
    whole = np.pad(pixels, ((0, down * TILE - height), (0, across * TILE - width), (0, 0)), "edge")
    tiles = [
        _encoded(whole[y : y + TILE, x : x + TILE].tobytes(), TILE)
        for y in range(0, down * TILE, TILE)
        for x in range(0, across * TILE, TILE)
    ]
    path.write_bytes(_file(tiles, (width, height), TILE, further, long=long))
    return path


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
) -> bytes:
    (width, height), tiles = size, [data for _, data in coded]
    down, across = -(-height // tile), -(-width // tile)
    grid = struct.pack(">4BHH", 0, 0, down - 1, across - 1, width, height)
    said = [
        (b"hvcC", coded[0][0]),
        (b"ispe", struct.pack(">III", 0, tile, tile)),
        (b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 1, 0x80)),
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
        _box(b"infe", b"\2\0\0\0", struct.pack(">HH", item, 0), kind, b"\0")
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
