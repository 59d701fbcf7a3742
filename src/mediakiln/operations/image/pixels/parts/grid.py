"""HEIC and AVIF by tiles (ISO/IEC 23008-12, 6.6.2.3.2): libheif decodes all, and skips damage.

Cameras, and encoders that keep to the profiles of AVIF, store a large image as a grid of smaller
ones. Each is decoded when its rows are asked for, so that one row of tiles is in memory.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.pixels.codecs.strips import LARGE_BYTES, Strips, blank
from mediakiln.operations.image.pixels.managed.declared import boxes
from mediakiln.operations.image.pixels.parts import items
from mediakiln.operations.image.pixels.parts.box import UNTURNED, UPRIGHT
from mediakiln.operations.image.pixels.parts.items import COLOUR, Property
from mediakiln.operations.image.pixels.parts.tile import AV1, decode

_BANDS: Final = 3
_MOST_ROW_BYTES: Final = 64 * 1024 * 1024
"""Of the pixels of one row of tiles."""
_HEVC: Final = b"hvcC"
_OF_TILES: Final = frozenset({_HEVC, AV1, b"ispe", b"pixi", COLOUR})
_OF_GRIDS: Final = frozenset({b"ispe", b"pixi", COLOUR, b"clli", b"mdcv", b"irot"})
"""Properties with which pixels are what the decoder gives: not mirrored or cut."""
_TURNED: Final = b"irot"
_ORIENTATIONS: Final = (1, 8, 3, 6)
"""EXIF's, by quarters of a turn to the left."""


@dataclass(frozen=True, slots=True)
class _Grid:
    width: int
    height: int
    across: int
    """Tiles side by side."""
    tile: tuple[int, int]
    turns: int
    """Quarters, to the left."""
    shown: bool
    """Whether the file has a thumbnail."""
    files: list[tuple[list[Property], list[tuple[int, int]]]]
    """Of every tile, what is said of it and where its bytes are."""


def large(width: int, height: int) -> bool:
    """Whether an image of this size is better not held whole."""
    return width * height * _BANDS > LARGE_BYTES


def strips(path: Path, width: int, height: int) -> Strips | None:
    """A HEIC of tiles of 8 bits without alpha, this large when upright; None for others."""
    grid = _tiled(path, _HEVC)
    if grid is None:
        return None
    orientation = _ORIENTATIONS[grid.turns]
    if (grid.width, grid.height) != UPRIGHT.get(orientation, UNTURNED).inverse.size(width, height):
        return None
    header = blank(grid.width, grid.height, _BANDS)
    return Strips(header, lambda: _Tiles(path, grid).rows, orientation=orientation)


def avif(path: Path, header: Any) -> Strips | None:
    """An AVIF of tiles of 8 bits without alpha, not turned; None for others.

    A small one, too: libheif leaves holes where tiles cannot be decoded. Nor is it one with a
    thumbnail, which libvips may take the pixels of a smaller result from.

    Args:
        path: the file's.
        header: libvips' image of it.
    """
    if not items.plain(header):
        return None
    size = header.width, header.height
    grid = _tiled(path, AV1)
    if grid is None or grid.turns or grid.shown or (grid.width, grid.height) != size:
        return None
    return Strips(header, lambda: _Tiles(path, grid).rows)


def _tiled(path: Path, codec: bytes) -> _Grid | None:
    """The grid of a file, whose tiles are of this codec."""
    try:
        grid = _parsed(path)
    except (struct.error, LookupError, ValueError, OverflowError):
        # How it is damaged is the decoder's to say.
        return None
    if grid is None or not all(codec in dict(said) for said, _ in grid.files):
        return None
    return grid


class _Tiles:
    """Gives rows of a grid, of which it holds one of tiles."""

    def __init__(self, path: Path, grid: _Grid) -> None:
        self._path = path
        self._grid = grid
        self._held: tuple[int, Any] = (-1, None)

    def rows(self, top: int, count: int) -> bytes:
        """Packed rows, from `top` on."""
        high, packed = self._grid.tile[1], b""
        while count:
            number, start = divmod(top, high)
            some = min(count, high - start)
            packed += self._row(number)[start : start + some].tobytes()
            top, count = top + some, count - some
        return packed

    def _row(self, number: int) -> Any:
        if self._held[0] != number:
            import numpy as np

            grid = self._grid
            wide, high = grid.tile
            self._held = -1, None
            row = np.empty((high, grid.across * wide, _BANDS), np.uint8)
            files = grid.files[number * grid.across : (number + 1) * grid.across]
            for place, file in enumerate(files):
                self._decode(*file, row[:, place * wide : (place + 1) * wide])
            self._held = number, row[:, : grid.width]
        return self._held[1]

    def _decode(self, said: list[Property], places: list[tuple[int, int]], out: Any) -> None:
        with self._path.open("rb") as file:
            data = b"".join(_read(file, *place) for place in places)
        decode(said, data, self._grid.tile, out)


def _read(file: Any, offset: int, length: int) -> bytes:
    file.seek(offset)
    data: bytes = file.read(length)
    return data


def _parsed(path: Path) -> _Grid | None:
    file = items.read(path)
    primary, said = file.primary, file.said
    tiles = _references(file.parts[b"iref"], primary)
    inside, ((offset, length),) = file.places[primary]
    content = (file.parts[b"idat"] if inside else file.head)[offset : offset + length]
    _, flags, down, across = struct.unpack_from(">4B", content)
    width, height = struct.unpack_from(">II" if flags & 1 else ">HH", content, 4)
    turns = [value[0] & 3 for kind, value in said[primary] if kind == _TURNED]
    plain = len(turns) <= 1 and all(kind in _OF_GRIDS for kind, _ in said[primary])
    plain = plain and all(kind in _OF_TILES for tile in tiles for kind, _ in said[tile])
    if not plain or len(tiles) != (down + 1) * (across + 1):
        return None
    most = path.stat().st_size
    if any(file.places[tile][0] or _end(file.places[tile][1]) > most for tile in tiles):
        return None
    sizes = {value for tile in tiles for kind, value in said[tile] if kind == b"ispe"}
    ((wide, high),) = (struct.unpack_from(">II", value, 4) for value in sizes)
    fitting = across * wide < width <= (across + 1) * wide
    fitting = fitting and down * high < height <= (down + 1) * high
    if not fitting or (across + 1) * wide * high * _BANDS > _MOST_ROW_BYTES:
        return None
    colours = [each for each in said[primary] if each[0] == COLOUR]
    files = [
        (
            [each for each in said[tile] if each[0] != COLOUR or not colours] + colours,
            file.places[tile][1],
        )
        for tile in tiles
    ]
    return _Grid(width, height, across + 1, (wide, high), sum(turns), file.shown, files)


def _end(spans: list[tuple[int, int]]) -> int:
    """How long a file must be in which these are, and lie side by side."""
    ends = [offset + length for offset, length in spans]
    return max(*ends, sum(length for _, length in spans), 0)


def _references(iref: bytes, primary: int) -> list[int]:
    """The images that a derived one is made of (section 12.1.7 of ISO/IEC 14496-12: `dimg`)."""
    items.only(iref, 0)
    for kind, start, _ in boxes(iref, 4, len(iref)):
        origin, count = struct.unpack_from(">HH", iref, start)
        if kind == b"dimg" and origin == primary:
            return list(struct.unpack_from(f">{count}H", iref, start + 4))
    raise LookupError
