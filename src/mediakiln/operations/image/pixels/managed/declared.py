"""Colour spaces that a file only names: in its container, or in EXIF."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mediakiln.operations.image.pixels.managed import profiles

_PNG_HEADER = 8
_NCLX_BYTES = 8
_NAMES = {
    1: "BT.709",
    9: "BT.2020",
    11: "DCI-P3",
    12: "Display P3",
}
_CURVES = {16: " PQ", 18: " HLG"}
_INTEROPERABILITY = "exif-ifd4-InteroperabilityIndex"


@dataclass(frozen=True, slots=True)
class Declared:
    """A colour space other than sRGB that a file names without a profile."""

    name: str
    """For people."""
    profile: bytes
    """An ICC profile of it."""


def by_numbers(primaries: int, transfer: int) -> Declared | None:
    """What ITU-T H.273's numbers name; None where it is sRGB, or unknown."""
    name = _NAMES.get(primaries, _NAMES[1]) + _CURVES.get(transfer, "")
    profile = profiles.named(primaries, transfer, name)
    return Declared(name, profile) if profile else None


def by_head(format: str, head: bytes, header: Any) -> Declared | None:
    """What a file says of its colours, by its first bytes and libvips' header; None for sRGB.

    AVIF says it in a `colr` box of kind nclx (ISO/IEC 14496-12, section 12.1.5), PNG in a cICP
    chunk (PNG, third edition, section 11.3.2.6), cameras' JPEGs in EXIF's interoperability index
    (DCF 2.0, section 3.3: R03 is the optional colour space, Adobe RGB).
    """
    if format == "avif":
        numbers = _nclx(head)
    elif format == "png":
        numbers = _cicp(head)
    elif format == "jpeg" and header.get_typeof(_INTEROPERABILITY):
        adobe = str(header.get(_INTEROPERABILITY)).startswith("R03")
        return Declared("Adobe RGB (1998)", profiles.adobe_rgb()) if adobe else None
    else:
        return None
    return by_numbers(*numbers) if numbers else None


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of every box of an ISO base media file in a range."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        last = end if size == 0 else start + size
        if size and size < head:
            return
        yield kind, start + head, min(last, end)
        start = last


def _nclx(head: bytes) -> tuple[int, int] | None:
    spans = [(0, len(head))]
    for wanted, skipped in ((b"meta", 4), (b"iprp", 0), (b"ipco", 0), (b"colr", 0)):
        spans = [
            (first + skipped, last)
            for start, end in spans
            for kind, first, last in boxes(head, start, end)
            if kind == wanted
        ]
    for first, last in spans:
        if head[first : first + 4] == b"nclx" and last - first >= _NCLX_BYTES:
            primaries, transfer = struct.unpack_from(">HH", head, first + 4)
            return primaries, transfer
    return None


def _cicp(head: bytes) -> tuple[int, int] | None:
    at = _PNG_HEADER
    while at + 12 <= len(head):
        size, kind = struct.unpack_from(">I4s", head, at)
        if kind == b"IDAT":
            return None
        if kind == b"cICP":
            return head[at + 8], head[at + 9]
        at += 12 + size
    return None
