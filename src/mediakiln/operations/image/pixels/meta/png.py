"""EXIF, IPTC and XMP of a PNG, wherever they stand in it.

Beside the chunk eXIf and XMP's text (PNG, third edition, sections 11.3.4.5 and 11.3.3), programs
write profiles as texts of the keyword "Raw profile type NAME": a line with a name, one with the
number of bytes, and the bytes in hexadecimal (libpng's pngmeta, ImageMagick's coders/png.c). Both
may follow the pixels, where decoders that were asked for the header do not come.
"""

import mmap
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 2 << 20
"""Of one text or block that is read."""

_SIGNATURE_BYTES: Final = 8
_MAX_CHUNKS: Final = 1 << 17
_MAX_NOTES: Final = 16
_EXIF: Final = b"eXIf"
_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PACKET: Final = b"XML:com.adobe.xmp"
_RAW: Final = b"Raw profile type "
_KINDS: Final = {b"exif": "exif", b"xmp": "xmp", b"iptc": "iptc", b"8bim": "iptc"}
_BOTH: Final = b"APP1"
_XMP_MARK: Final = b"http://ns.adobe.com/xap/1.0/\0"
_EXIF_MARK: Final = b"Exif\0\0"


def blocks(path: Path) -> dict[str, bytes]:
    """`exif`, `iptc` and `xmp` of a file, where it has them; damaged ones are left out.

    A block of its own goes before one in a text, and of equals the first counts.
    """
    own: dict[str, bytes] = {}
    raw: dict[str, bytes] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for kind, chunk in islice(_notes(data), _MAX_NOTES):
            keyword, _, text = chunk.partition(b"\0")
            if kind == _EXIF:
                own.setdefault("exif", chunk.removeprefix(_EXIF_MARK))
            elif keyword == _PACKET:
                own.setdefault("xmp", _text(kind, text))
            else:
                name, content = _profile(keyword.removeprefix(_RAW), _text(kind, text))
                raw.setdefault(name, content)
    return {name: content for name, content in (raw | own).items() if name and content}


def _notes(data: mmap.mmap) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the chunks that hold blocks, up to the first that is cut off."""
    at = _SIGNATURE_BYTES
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == _EXIF or kind in _TEXTS:
            chunk = data[at + 8 : at + 8 + min(size, MAX_BYTES)]
            if kind == _EXIF or chunk.startswith((_RAW, _PACKET + b"\0")):
                yield kind, chunk
        at += 12 + size


def _text(kind: bytes, text: bytes) -> bytes:
    """What follows the keyword's end, unpacked."""
    if kind == b"iTXt":
        packed = text[:1] == b"\1"
        text = text[2:].split(b"\0", 2)[-1]
        return _inflated(text) if packed else text
    return _inflated(text[1:]) if kind == b"zTXt" else text


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MAX_BYTES)
    except zlib.error:
        return b""


def _profile(name: bytes, text: bytes) -> tuple[str, bytes]:
    """Which of our blocks it is, or an empty name, and its bytes."""
    _, _, digits = (text.strip().split(b"\n", 2) + [b""] * 2)[:3]
    try:
        data = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return "", b""
    kind = _KINDS.get(name, "")
    if name == _BOTH:
        kind = "xmp" if data.startswith(_XMP_MARK) else "exif"
    return kind, data.removeprefix(_XMP_MARK).removeprefix(_EXIF_MARK)
