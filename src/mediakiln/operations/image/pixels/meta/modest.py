"""Whether EXIF says little enough to be read into memory.

Entries may share their bytes, so that 64 kB of them can claim gigabytes of numbers.
"""

import mmap
import struct
from collections.abc import Iterator
from typing import Final

MAX_NUMBERS: Final = 1 << 18
"""Of all entries together: each becomes an object of some hundred bytes."""
MAX_BYTES: Final = 64 << 20
"""Of texts and blocks without structure, which are taken as they are."""

_MARK: Final = b"Exif\0\0"
_BIG: Final = 43
_POINTERS: Final = frozenset({0x014A, 0x8769, 0x8825, 0xA005})
"""Further directories: sub-images, EXIF, GPS, interoperability."""
_PLAIN: Final = frozenset({1, 2, 7})
"""Bytes, text, undefined."""
_MAX_DIRECTORIES: Final = 64


def modest(block: bytes | mmap.mmap) -> bool:
    """Whether the directories of an EXIF block, or of a TIFF, claim no more than that.

    A damaged block is judged by what can be read of it.
    """
    at = len(_MARK) if block[: len(_MARK)] == _MARK else 0
    numbers = plain = 0
    for kind, count in _entries(block, at):
        numbers += 0 if kind in _PLAIN else count
        plain += count if kind in _PLAIN else 0
        if numbers > MAX_NUMBERS or plain > MAX_BYTES:
            return False
    return True


def _entries(block: bytes | mmap.mmap, at: int) -> Iterator[tuple[int, int]]:
    """Type and count of the entries of all directories that can be reached."""
    order = "<" if block[at : at + 2] == b"II" else ">"
    try:
        (version,) = struct.unpack_from(f"{order}H", block, at + 2)
        number, entry, first = ("Q", "HHQQ", 8) if version == _BIG else ("H", "HHII", 4)
        offset = "Q" if version == _BIG else "I"
        waiting = list(struct.unpack_from(order + offset, block, at + first))
        seen: set[int] = set()
        while waiting and len(seen) < _MAX_DIRECTORIES:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            (count,) = struct.unpack_from(order + number, block, at + place)
            start = at + place + struct.calcsize(f"={number}")
            size = struct.calcsize(f"={entry}")
            for n in range(min(count, (len(block) - start) // size)):
                tag, kind, many, value = struct.unpack_from(order + entry, block, start + n * size)
                yield kind, many
                if tag in _POINTERS:
                    waiting.append(value)
    except (struct.error, OverflowError, ValueError):
        return
