"""How often an animated AVIF is played.

Its edit list says whether it is repeated, and the length of its tracks how often (ISO/IEC
14496-12, 8.6.6; AV1 Image File Format 1.1, section 5). Pillow writes for ever, and reads nothing.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from mediakiln.operations.image.pixels.managed.declared import boxes

_INSIDE: Final = (b"moov", b"trak", b"edts")
"""Which boxes are looked into, one within the other."""
_LENGTHS: Final = {
    # Where the length lies behind the box's version and flags: in version 0, and in 1.
    b"mvhd": (16, 24),
    b"tkhd": (20, 28),
    b"elst": (8, 8),
}


class _Length(NamedTuple):
    kind: bytes
    at: int
    bytes: int
    flags: int

    def read(self, data: Any) -> int | None:
        """None where it has no end."""
        raw = bytes(data[self.at : self.at + self.bytes])
        return None if raw == b"\xff" * self.bytes else int.from_bytes(raw)


def plays(path: Path) -> int:
    """How often the file's frames are shown; 0 is for ever, and so are files that do not say."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = {each.kind: each for each in _lengths(data, 0, len(data))}
        if not {b"tkhd", b"elst"} <= found.keys():
            return 0
        once, whole = found[b"elst"].read(data), found[b"tkhd"].read(data)
    if not found[b"elst"].flags & 1:
        return 1
    return max(1, -(-whole // once)) if once and whole else 0


def repeat(data: bytearray, times: int) -> None:
    """Have a file that is played for ever played so often instead."""
    lengths = list(_lengths(data, 0, len(data)))
    once = next((each.read(data) for each in lengths if each.kind == b"elst"), None)
    if once is None or not times:
        return
    for each in lengths:
        if each.kind != b"elst":
            whole = min(once * times, 256**each.bytes - 2)
            data[each.at : each.at + each.bytes] = whole.to_bytes(each.bytes)


def _lengths(data: Any, start: int, end: int, depth: int = 0) -> Iterator[_Length]:
    for kind, first, last in boxes(data, start, end):
        if depth < len(_INSIDE) and kind == _INSIDE[depth]:
            yield from _lengths(data, first, last, depth + 1)
        elif kind in _LENGTHS and last > first:
            version = min(data[first], 1)
            at, size = first + _LENGTHS[kind][version], 8 if version else 4
            if at + size <= last:
                yield _Length(kind, at, size, data[first + 3])
