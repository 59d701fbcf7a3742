"""The fields of TIFF directories (TIFF 6.0, section 2), which EXIF is made of too."""

from collections.abc import Callable

from mediakiln.adapters.detector.probes.window import be, le

WIDTH, HEIGHT, ORIENTATION, DNG_VERSION = 256, 257, 274, 50706
MOST_ENTRIES = 128
CLASSIC, BIG = 12, 20
"""How many bytes an entry has; in BigTIFF more."""

_SHORT = 3
_HEADER = b"Exif\0\0"

Order = Callable[[bytes], int]


def order_of(start: bytes) -> Order:
    """How numbers are written in a file that begins with `II` or `MM`."""
    return be if start[:2] == b"MM" else le


def fields(entries: bytes, order: Order, *, size: int = CLASSIC) -> dict[int, int]:
    """Tags to values of those entries, each of `size` bytes, whose value stands in it."""
    found: dict[int, int] = {}
    place = 8 if size == CLASSIC else size - 8
    for at in range(0, len(entries) - size + 1, size):
        kind = order(entries[at + 2 : at + 4])
        width = 2 if kind == _SHORT else size - place
        found[order(entries[at : at + 2])] = order(entries[at + place : at + place + width])
    return found


def orientation(exif: bytes) -> int | None:
    """The orientation that a block of EXIF tells; None where it tells none."""
    data = exif.removeprefix(_HEADER)
    if data[:4] not in {b"II*\0", b"MM\0*"}:
        return None
    order = order_of(data)
    start = order(data[4:8])
    count = min(order(data[start : start + 2]), MOST_ENTRIES)
    return fields(data[start + 2 : start + 2 + count * CLASSIC], order).get(ORIENTATION)
