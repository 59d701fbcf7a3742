"""Whether a HEIC or AVIF that is made of several images is all there (ISO/IEC 23008-12, 6.6.2).

libheif leaves out those that it cannot read, and part of the picture is green or black: half of
an upload would be taken for all of it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from mediakiln.model.errors import BadMedia
from mediakiln.operations.image.pixels.managed.declared import boxes
from mediakiln.operations.image.pixels.parts import items


def check(path: Path) -> None:
    """Hold the places of the images that others are made of against the file's end.

    What cannot be understood is left to the decoder.

    Raises:
        BadMedia: the file ends before one of them does.
    """
    try:
        file = items.read(path)
        ends = max(_ends(file), default=0)
    except (struct.error, LookupError, ValueError, OverflowError):
        return
    if ends > path.stat().st_size:
        raise BadMedia("the image is damaged: it ends too early", hint="upload it again, whole")


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
