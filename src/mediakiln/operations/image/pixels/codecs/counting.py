"""Frames and pages, counted before a library does whose time grows with their square."""

import mmap
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mediakiln.operations.image.pixels.formats import Format

_BIG: Final = 43
_CLASSIC_LAYOUT: Final = ("I", 4, "H", 12)
_BIG_LAYOUT: Final = ("Q", 8, "Q", 20)
_RIFF_HEADER: Final = 12


def most_frames(path: Path, format: Format, limit: int) -> int:
    """How many frames or pages a file has, counted up to `limit` + 1; 0 where nothing is counted.

    Of what is damaged it says what it found before: whether that harms is for libraries to say.
    """
    count = _COUNTS.get(format)
    if count is None:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return count(data, limit)


def _pages(data: mmap.mmap, limit: int) -> int:
    """The length of a chain of directories (TIFF 6.0, section 2; BigTIFF); a loop ends it."""
    order = "<" if data[:2] == b"II" else ">"
    seen: set[int] = set()
    try:
        (version,) = struct.unpack_from(f"{order}H", data, 2)
        offset, at, count, size = _BIG_LAYOUT if version == _BIG else _CLASSIC_LAYOUT
        (place,) = struct.unpack_from(order + offset, data, at)
        while place and place not in seen and len(seen) <= limit:
            (entries,) = struct.unpack_from(order + count, data, place)
            seen.add(place)
            end = place + struct.calcsize(f"={count}") + entries * size
            (place,) = struct.unpack_from(order + offset, data, end)
    except (struct.error, OverflowError, ValueError):
        pass
    return len(seen)


def _frames(data: mmap.mmap, limit: int) -> int:
    """The ANMF chunks of a WebP (RFC 9649, section 2.7.1.1)."""
    at, found = _RIFF_HEADER, 0
    while found <= limit and at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        found += kind == b"ANMF"
        at += 8 + size + size % 2
    return found


_COUNTS: Final[dict[Format, Callable[[mmap.mmap, int], int]]] = {"tiff": _pages, "webp": _frames}
