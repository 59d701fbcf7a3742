"""What the head of an image's file says of the work that it makes: its format, size and motion."""

import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import SEEK_CUR
from typing import BinaryIO, Final

_HEAD_BYTES: Final = 1024
_MOST_STEPS: Final = 4096
"""Segments, chunks or fields that are read: who hides a size behind more of them is slow."""
_BOMS: Final = b"\xef\xbb\xbf"

_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_END: Final = frozenset({0xD9, 0xDA})
_MARK: Final = 0xFF
_MOVES: Final = 0x02
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_SHORT = 256, 257, 3


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a file."""

    media_type: str = ""
    """Where it tells slow formats from others; else empty."""
    sides: tuple[int, int] | None = None
    """Width and height in pixels, as they are stored."""
    slow: bool = False
    """It is progressive, or moves, or does not say what it is where others do."""


def head_of(file: BinaryIO) -> Head:
    """What a file says of itself; nothing where it is of a kind that is not known here."""
    start = file.read(_HEAD_BYTES)
    for signature, read in _READERS.items():
        if start.startswith(signature):
            with suppress(struct.error):  # it ends too early: whoever decodes it says so
                return read(start, file)
            return Head()
    if start[4:8] == b"ftyp":
        return Head("image/heif")  # or AVIF, which is as slow
    if start.removeprefix(_BOMS).lstrip().startswith(b"<"):
        return Head("image/svg+xml")
    return Head()


def _jpeg(start: bytes, file: BinaryIO) -> Head:
    """ITU T.81, B.1.1: segments up to the frame's header."""
    file.seek(2)
    for _ in range(_MOST_STEPS):
        mark, marker = struct.unpack(">BB", file.read(2))
        if mark != _MARK or marker in _END:
            return Head()
        if marker in _START_OF_FRAME:
            height, width = struct.unpack(">3xHH", file.read(7))
            return Head("", (width, height), slow=marker in _PROGRESSIVE)
        if marker == _MARK:
            file.seek(-1, SEEK_CUR)  # a fill byte
        elif marker not in _ALONE:
            (length,) = struct.unpack(">H", file.read(2))
            if length < len(start[:2]):
                return Head()
            file.seek(length - 2, SEEK_CUR)
    return Head(slow=True)


def _png(start: bytes, file: BinaryIO) -> Head:
    """PNG, third edition, 11.2: the size comes first, what says that it moves before the pixels."""
    sides = struct.unpack_from(">II", start, 16)
    file.seek(8)
    for _ in range(_MOST_STEPS):
        length, name = struct.unpack(">I4s", file.read(8))
        if name in {b"IDAT", b"acTL"}:
            return Head("image/apng" if name == b"acTL" else "", sides)
        file.seek(length + 4, SEEK_CUR)
    return Head("", sides, slow=True)


def _gif(start: bytes, _: BinaryIO) -> Head:
    return Head("image/gif", struct.unpack_from("<HH", start, 6))


def _riff(start: bytes, _: BinaryIO) -> Head:
    """WebP, RFC 9649, 2: extended, without loss, or simple."""
    kind = start[8:16]
    if kind == b"WEBPVP8X":
        (flags,) = struct.unpack_from("<B", start, 20)
        width, height = (int.from_bytes(start[at : at + 3], "little") + 1 for at in (24, 27))
        return Head("", (width, height), slow=bool(flags & _MOVES))
    if kind == b"WEBPVP8L":
        (bits,) = struct.unpack_from("<I", start, 21)
        return Head("", ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
    if kind == b"WEBPVP8 ":
        width, height = struct.unpack_from("<HH", start, 26)
        return Head("", (width & 0x3FFF, height & 0x3FFF))
    return Head()


def _tiff(start: bytes, file: BinaryIO) -> Head:
    """TIFF 6.0, section 2: the fields of the first directory, wherever it lies."""
    order = "<" if start[:1] == b"I" else ">"
    file.seek(struct.unpack_from(f"{order}4xI", start)[0])
    (count,) = struct.unpack(f"{order}H", file.read(2))
    sides: dict[int, int] = {}
    for _ in range(min(count, _MOST_STEPS)):
        tag, kind, value = struct.unpack(f"{order}HH4x4s", file.read(12))
        if tag in {_TIFF_WIDTH, _TIFF_HEIGHT}:
            sides[tag] = struct.unpack_from(f"{order}{'H' if kind == _TIFF_SHORT else 'I'}", value)[
                0
            ]
    if len(sides) < len(("width", "height")):
        return Head(slow=True)
    return Head("", (sides[_TIFF_WIDTH], sides[_TIFF_HEIGHT]))


def _bmp(start: bytes, _: BinaryIO) -> Head:
    width, height = struct.unpack_from("<ii", start, 18)
    return Head("", (abs(width), abs(height)))


def _qoi(start: bytes, _: BinaryIO) -> Head:
    return Head("", struct.unpack_from(">II", start, 4))


def _only(head: Head) -> Callable[[bytes, BinaryIO], Head]:
    return lambda _start, _file: head


_READERS: Final[Mapping[bytes, Callable[[bytes, BinaryIO], Head]]] = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"RIFF": _riff,
    b"II*\x00": _tiff,
    b"MM\x00*": _tiff,
    b"II+\x00": _only(Head(slow=True)),  # TIFF of more than 4 GB
    b"MM\x00+": _only(Head(slow=True)),
    b"BM": _bmp,
    b"qoif": _qoi,
    b"\x00\x00\x00\x0cjP  \r\n\x87\n": _only(Head("image/jp2")),
    b"\xff\x4f\xff\x51": _only(Head("image/jp2")),
    b"\x00\x00\x00\x0cJXL \r\n\x87\n": _only(Head(slow=True)),
    b"\xff\x0a": _only(Head(slow=True)),
}
"""By what a file of that kind begins with."""
