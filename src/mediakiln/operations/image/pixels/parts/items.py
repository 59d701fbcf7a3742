"""What a HEIC or AVIF says of its images: where they are, and how to show them.

The boxes are those of ISO/IEC 14496-12, section 8.11, and ISO/IEC 23008-12, section 9.3.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.pixels.managed.declared import boxes

COLOUR: Final = b"colr"
_MOST_BYTES: Final = 4 * 1024 * 1024
"""Of a file's boxes about its images."""
_SIZES: Final = frozenset({4, 8})
"""Of numbers that say where bytes are."""
_CODEC: Final = "heif-compression"
_BANDS: Final = 3
_THUMBNAIL: Final = b"thmb"

Property = tuple[bytes, bytes]
"""A box that says something of an image, and its content."""
Place = tuple[bool, list[tuple[int, int]]]
"""Whether bytes are inside `idat`, and their offsets and lengths."""


@dataclass(frozen=True, slots=True)
class Items:
    """The images of a file."""

    head: bytes
    """The file's first bytes, its boxes among them."""
    parts: Mapping[bytes, bytes]
    """The boxes about its images."""
    primary: int
    """The number of the one that is shown."""
    places: Mapping[int, Place]
    """Where every item's bytes are."""
    said: Mapping[int, list[Property]]
    """What is said of every item."""

    @property
    def coded(self) -> bytes:
        """The primary one's type: how it is coded, or that it is made of others.

        Raises:
            struct.error, LookupError: nothing says so.
        """
        iinf = self.parts[b"iinf"]
        for kind, start, _ in boxes(iinf, 6 if iinf[0] == 0 else 8, len(iinf)):
            numbers = {2: ">HH4s", 3: ">IH4s"}.get(iinf[start])
            if kind == b"infe" and numbers:
                item, hidden, coded = struct.unpack_from(numbers, iinf, start + 4)
                if item == self.primary and not hidden:
                    return bytes(coded)
        raise LookupError

    @property
    def shown(self) -> bool:
        """Whether there is a thumbnail."""
        return _THUMBNAIL in self.parts.get(b"iref", b"")


def plain(header: Any) -> bool:
    """Whether libvips' image of a file is an AVIF of one image of 8 bits without alpha."""
    if not header.get_typeof(_CODEC) or header.get(_CODEC) != "av1" or header.get("n-pages") > 1:
        return False
    return (header.bands, header.format, header.interpretation) == (_BANDS, "uchar", "srgb")


def read(path: Path) -> Items:
    """What a file says.

    Raises:
        struct.error, LookupError, ValueError, OverflowError: it is damaged, or of another version.
    """
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES)
    whole = boxes(data, 0, len(data))
    meta = next((data[start:end] for kind, start, end in whole if kind == b"meta"), b"")
    parts = {kind: meta[start:end] for kind, start, end in boxes(meta, 4, len(meta))}
    (primary,) = struct.unpack_from(">H", parts[b"pitm"], 4)
    return Items(data, parts, primary, _places(parts[b"iloc"]), _properties(parts[b"iprp"]))


def _places(iloc: bytes) -> Mapping[int, Place]:
    """Where every item's bytes are (ISO/IEC 14496-12, section 8.11.3)."""
    only(iloc, 0, 1)
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
    only(ipma, 0)
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


def only(box: bytes, *versions: int) -> None:
    """Refuse a full box of any other version.

    Raises:
        ValueError: it is one.
    """
    if box[0] not in versions:
        raise ValueError
