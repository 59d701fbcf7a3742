"""Whether a file is all there, of formats whose decoders make do with less.

libheif leaves out what it cannot read of the images that a HEIC or AVIF is made of (ISO/IEC
23008-12, 6.6.2), and part of the picture is green or black; libvips leaves out a GIF's last
frames. Half of an upload would be taken for all of it.
"""

import mmap
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from mediakiln.model.errors import BadMedia
from mediakiln.operations.image.pixels.managed.declared import boxes
from mediakiln.operations.image.pixels.parts import items

_SCREEN_BYTES: Final = 13
_IMAGE_BYTES: Final = 10
_EXTENSION, _IMAGE = 0x21, 0x2C
_MOST_BLOCKS: Final = 100_000
"""Of a GIF that are looked at; no animation has as many."""


def check(path: Path, format: str) -> None:
    """Hold what a file says of its parts against its end.

    What cannot be understood is left to the decoder.

    Raises:
        BadMedia: the file ends before one of them does.
    """
    needed = _NEEDED.get(format)
    if needed and needed(path) > path.stat().st_size:
        raise BadMedia("the image is damaged: it ends too early", hint="upload it again, whole")


def _of_items(path: Path) -> int:
    try:
        return max(_ends(items.read(path)), default=0)
    except (struct.error, LookupError, ValueError, OverflowError):
        return 0


def _ends(file: items.Items) -> Iterator[int]:
    for item in set(_sources(file.parts.get(b"iref", bytes(4)))) & set(file.places):
        inside, spans = file.places[item]
        if not inside:
            yield from (offset + length for offset, length in spans)


def _sources(iref: bytes) -> Iterator[int]:
    """The images that others are made of (ISO/IEC 14496-12, 8.11.12: `dimg`)."""
    items.only(iref, 0)
    for kind, start, _ in boxes(iref, 4, len(iref)):
        if kind == b"dimg":
            (count,) = struct.unpack_from(">H", iref, start + 2)
            yield from struct.unpack_from(f">{count}H", iref, start + 4)


def _of_blocks(path: Path) -> int:
    """Where the block that a GIF ends with should end (GIF89a, sections 18 to 27).

    A file without its last byte, the trailer, is one that many programs write.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = _SCREEN_BYTES + _table_bytes(data, _SCREEN_BYTES - 3)
        for _ in range(_MOST_BLOCKS):
            if at >= len(data) or data[at] not in {_EXTENSION, _IMAGE}:
                return at
            if data[at] == _EXTENSION:
                at += 2
            else:
                at += _IMAGE_BYTES + _table_bytes(data, at + _IMAGE_BYTES - 1) + 1
            while at < len(data) and data[at]:
                at += 1 + data[at]
            at += 1
        return 0


def _table_bytes(data: mmap.mmap, flags: int) -> int:
    """Of the colours that follow, by the flags at this place."""
    said = data[flags] if flags < len(data) else 0
    return 3 << (said & 7) + 1 if said & 0x80 else 0


_NEEDED: Final[Mapping[str, Callable[[Path], int]]] = {
    "avif": _of_items,
    "gif": _of_blocks,
    "heic": _of_items,
}
"""How long a file must be, by its format."""
