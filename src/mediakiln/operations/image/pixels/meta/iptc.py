"""IPTC-IIM (version 4.2), without what must not leave with a picture."""

import struct
from collections.abc import Iterator
from typing import Final

_MARK = 0x1C
_HEAD = 5
_EXTENDED = 0x8000
_APPLICATION = 2
_PHOTOSHOP: Final = b"Photoshop 3.0\x00"
_BLOCK = b"8BIM"
_IPTC = 0x0404
_PLACES = frozenset({(2, 26), (2, 27), (2, 90), (2, 92), (2, 95), (2, 100), (2, 101)})
"""Content location, city, sublocation, province, country."""
_RIGHTS = frozenset({(1, 90), (2, 80), (2, 85), (2, 110), (2, 116)})
"""Character set, by-line and its title, credit, copyright notice."""
_CHARSET: Final = (1, 90)
_LAST: Final = 154
"""Data set of the application record before objects' previews (section 6) and private ones: edit
histories, cameras' EXIF, programs' settings."""


def cleaned(data: bytes, *, rights_only: bool, location: bool) -> bytes | None:
    """The records that may stay, padded to words of four bytes; None where there are none.

    `data` are bare records, or Photoshop's blocks around them as JPEG holds them.
    """
    kept = b""
    for record, number, raw in _records(_bare(data)):
        name = (record, number)
        if name != _CHARSET and (record != _APPLICATION or number > _LAST):
            continue  # envelopes, other programs' records, and whole objects: pictures, too
        if name in _PLACES and not location:
            continue
        if not rights_only or name in _RIGHTS:
            kept += raw
    if not kept:
        return None
    return kept + bytes(-len(kept) % 4)


def in_blocks(records: bytes) -> bytes:
    """Records as JPEG's APP13 holds them (Adobe Photoshop file formats, image resources)."""
    padding = bytes(len(records) % 2)
    return _PHOTOSHOP + _BLOCK + struct.pack(">H2xI", _IPTC, len(records)) + records + padding


def for_tiff(records: bytes) -> bytes:
    """Records as libvips 8.18 takes them for TIFF: of four bytes it writes one."""
    return records + bytes(3 * len(records))


def texts(records: bytes) -> dict[int, list[str]]:
    """What the application record says, by the numbers of its data sets.

    In UTF-8, which records rarely announce (1:90), or else Latin-1.
    """
    found: dict[int, list[str]] = {}
    for record, number, raw in _records(records):
        if record == _APPLICATION:
            try:
                text = raw[_HEAD:].decode()
            except UnicodeDecodeError:
                text = raw[_HEAD:].decode("latin-1")
            if plain := "".join(
                each for each in text if each.isprintable() or each == "\n"
            ).strip():
                found.setdefault(number, []).append(plain)
    return found


def _bare(data: bytes) -> bytes:
    data = data.removeprefix(_PHOTOSHOP)
    at = 0
    while data[at : at + 4] == _BLOCK and at + 12 <= len(data):
        kind = struct.unpack_from(">H", data, at + 4)[0]
        name = 1 + data[at + 6]
        at += 6 + name + name % 2
        size = int.from_bytes(data[at : at + 4])
        if kind == _IPTC:
            return data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return data if data[:1] == bytes([_MARK]) else b""


def _records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Record, data set and its bytes, up to the first that is damaged."""
    at = 0
    while at + _HEAD <= len(data) and data[at] == _MARK:
        record, number, size = struct.unpack_from(">BBH", data, at + 1)
        end = at + _HEAD + size
        if size & _EXTENDED or end > len(data):
            return
        yield record, number, data[at:end]
        at = end
