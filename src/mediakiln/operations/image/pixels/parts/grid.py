"""HEIC and AVIF of many pixels, by tiles (ISO/IEC 23008-12, 6.6.2.3.2): libheif decodes all.

Cameras, and encoders that keep to the profiles of AVIF, store a large image as a grid of smaller
ones. Each is decoded when its rows are asked for, so that one row of tiles is in memory.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.pixels.codecs.strips import LARGE_BYTES, Strips, blank
from mediakiln.operations.image.pixels.managed.declared import boxes
from mediakiln.operations.image.pixels.parts.box import UNTURNED, UPRIGHT
from mediakiln.operations.image.pixels.parts.tile import AV1, Property, decode

_BANDS: Final = 3
_MOST_BYTES: Final = 4 * 1024 * 1024
"""Of a file's boxes about its images."""
_MOST_ROW_BYTES: Final = 64 * 1024 * 1024
"""Of the pixels of one row of tiles."""
_SIZES: Final = frozenset({4, 8})
"""Of numbers that say where bytes are."""
_COLOUR: Final = b"colr"
_HEVC: Final = b"hvcC"
_OF_TILES: Final = frozenset({_HEVC, AV1, b"ispe", b"pixi", _COLOUR})
_OF_GRIDS: Final = frozenset({b"ispe", b"pixi", _COLOUR, b"clli", b"mdcv", b"irot"})
"""Properties with which pixels are what the decoder gives: not mirrored or cut."""
_TURNED: Final = b"irot"
_THUMBNAIL: Final = b"thmb"
_CODEC: Final = "heif-compression"
_ORIENTATIONS: Final = (1, 8, 3, 6)
"""EXIF's, by quarters of a turn to the left."""

_Place = tuple[bool, list[tuple[int, int]]]
"""Whether bytes are inside `idat`, and their offsets and lengths."""


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


def strips(path: Path, width: int, height: int) -> Strips | None:
    """A large HEIC of tiles of 8 bits without alpha, this large when upright; None for others."""
    grid = _large(path, (width, height), _HEVC)
    if grid is None:
        return None
    orientation = _ORIENTATIONS[grid.turns]
    if (grid.width, grid.height) != UPRIGHT.get(orientation, UNTURNED).inverse.size(width, height):
        return None
    header = blank(grid.width, grid.height, _BANDS)
    return Strips(header, lambda: _Tiles(path, grid).rows, orientation=orientation)


def avif(path: Path, header: Any) -> Strips | None:
    """A large AVIF of tiles of 8 bits without alpha, not turned; None for others.

    Nor is it one with a thumbnail, which libvips may take the pixels of a smaller result from.

    Args:
        path: the file's.
        header: libvips' image of it.
    """
    if not header.get_typeof(_CODEC) or header.get(_CODEC) != "av1" or header.get("n-pages") > 1:
        return None
    if (header.bands, header.format, header.interpretation) != (_BANDS, "uchar", "srgb"):
        return None
    size = header.width, header.height
    grid = _large(path, size, AV1)
    if grid is None or grid.turns or grid.shown or (grid.width, grid.height) != size:
        return None
    return Strips(header, lambda: _Tiles(path, grid).rows)


def _large(path: Path, size: tuple[int, int], codec: bytes) -> _Grid | None:
    """The grid of a file with so many pixels, whose tiles are of this codec."""
    if size[0] * size[1] * _BANDS <= LARGE_BYTES:
        return None
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
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES)
    whole = boxes(data, 0, len(data))
    meta = next((data[start:end] for kind, start, end in whole if kind == b"meta"), b"")
    parts = {kind: meta[start:end] for kind, start, end in boxes(meta, 4, len(meta))}
    (primary,) = struct.unpack_from(">H", parts[b"pitm"], 4)
    tiles = _references(parts[b"iref"], primary)
    places, said = _places(parts[b"iloc"]), _properties(parts[b"iprp"])
    inside, ((offset, length),) = places[primary]
    content = (parts[b"idat"] if inside else data)[offset : offset + length]
    _, flags, down, across = struct.unpack_from(">4B", content)
    width, height = struct.unpack_from(">II" if flags & 1 else ">HH", content, 4)
    turns = [value[0] & 3 for kind, value in said[primary] if kind == _TURNED]
    plain = len(turns) <= 1 and all(kind in _OF_GRIDS for kind, _ in said[primary])
    plain = plain and all(kind in _OF_TILES for tile in tiles for kind, _ in said[tile])
    if not plain or len(tiles) != (down + 1) * (across + 1):
        return None
    most = path.stat().st_size
    if any(places[tile][0] or _end(places[tile][1]) > most for tile in tiles):
        return None
    sizes = {value for tile in tiles for kind, value in said[tile] if kind == b"ispe"}
    ((wide, high),) = (struct.unpack_from(">II", value, 4) for value in sizes)
    fitting = across * wide < width <= (across + 1) * wide
    fitting = fitting and down * high < height <= (down + 1) * high
    if not fitting or (across + 1) * wide * high * _BANDS > _MOST_ROW_BYTES:
        return None
    colours = [each for each in said[primary] if each[0] == _COLOUR]
    files = [
        (
            [each for each in said[tile] if each[0] != _COLOUR or not colours] + colours,
            places[tile][1],
        )
        for tile in tiles
    ]
    shown = _THUMBNAIL in parts[b"iref"]
    return _Grid(width, height, across + 1, (wide, high), sum(turns), shown, files)


def _end(spans: list[tuple[int, int]]) -> int:
    """How long a file must be in which these are, and lie side by side."""
    ends = [offset + length for offset, length in spans]
    return max(*ends, sum(length for _, length in spans), 0)


def _references(iref: bytes, primary: int) -> list[int]:
    """The images that a derived one is made of (section 12.1.7 of ISO/IEC 14496-12: `dimg`)."""
    _only(iref, 0)
    for kind, start, _ in boxes(iref, 4, len(iref)):
        origin, count = struct.unpack_from(">HH", iref, start)
        if kind == b"dimg" and origin == primary:
            return list(struct.unpack_from(f">{count}H", iref, start + 4))
    raise LookupError


def _places(iloc: bytes) -> Mapping[int, _Place]:
    """Where every item's bytes are (ISO/IEC 14496-12, section 8.11.3)."""
    _only(iloc, 0, 1)
    offset, length, base = iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4
    index = iloc[5] & 15 if iloc[0] else 0
    if not {offset, length} <= _SIZES:
        raise ValueError
    (count,) = struct.unpack_from(">H", iloc, 6)
    at, found = 8, {}

    def taken(size: int) -> int:
        nonlocal at
        if at + size > len(iloc):
            raise ValueError
        at += size
        return int.from_bytes(iloc[at - size : at])

    for _ in range(count):
        item, method = taken(2), taken(2) if iloc[0] else 0
        elsewhere, start, extents = taken(2), taken(base), taken(2)
        spans = []
        for _ in range(extents):
            taken(index)
            spans.append((start + taken(offset), taken(length)))
        if not elsewhere and method <= 1:
            found[item] = bool(method), spans
    return found


def _properties(iprp: bytes) -> Mapping[int, list[Property]]:
    """What is said of every item (ISO/IEC 23008-12, section 9.3)."""
    parts = {kind: iprp[start:end] for kind, start, end in boxes(iprp, 0, len(iprp))}
    ipco, ipma = parts[b"ipco"], parts[b"ipma"]
    _only(ipma, 0)
    known = [(kind, ipco[start:end]) for kind, start, end in boxes(ipco, 0, len(ipco))]
    size, mask = (2, 0x7FFF) if ipma[3] & 1 else (1, 0x7F)
    (count,) = struct.unpack_from(">I", ipma, 4)
    at, found = 8, {}
    for _ in range(count):
        item, links = struct.unpack_from(">HB", ipma, at)
        ends = range(at + 3 + size, at + 4 + size * links, size)
        numbers = [int.from_bytes(ipma[end - size : end]) & mask for end in ends]
        found[item] = [known[number - 1] for number in numbers if number]
        at += 3 + size * links
    return found


def _only(box: bytes, *versions: int) -> None:
    if box[0] not in versions:
        raise ValueError
