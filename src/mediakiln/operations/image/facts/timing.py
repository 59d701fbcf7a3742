"""How long an animation lasts, where libvips reads its format as a still."""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.pixels.codecs import repeats
from mediakiln.operations.image.pixels.managed.declared import boxes

_MEDIA: Final = (b"moov", b"trak", b"mdia")
_SIGNATURE_BYTES: Final = 8
_FRAME_BYTES: Final = 26
_HUNDREDTHS: Final = 100
_MS: Final = 1000


def timing(path: Path, format: str) -> tuple[int | None, int]:
    """Milliseconds that all frames take, if the file says so, and how often; 0 is for ever."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if format == "png":
            return _apng(data)
        took = next(_media(data, (0, len(data)), 0), None)
    return took, repeats.plays(path)


def _apng(data: Any) -> tuple[int, int]:
    """Of the frame controls: PNG specification (third edition), 11.3.6."""
    took, plays, at = 0.0, 0, _SIGNATURE_BYTES
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + min(size, _FRAME_BYTES)]
        if kind == b"acTL" and len(body) >= _SIGNATURE_BYTES:
            plays = struct.unpack_from(">I", body, 4)[0]
        elif kind == b"fcTL" and len(body) == _FRAME_BYTES:
            parts, whole = struct.unpack_from(">HH", body, 20)
            took += parts * _MS / (whole or _HUNDREDTHS)
        at += 12 + size
    return round(took), plays


def _media(data: Any, span: tuple[int, int], depth: int) -> Iterator[int]:
    """The length of each track's media: ISO/IEC 14496-12, 8.4.2."""
    for kind, first, last in boxes(data, *span):
        if depth < len(_MEDIA) and kind == _MEDIA[depth]:
            yield from _media(data, (first, last), depth + 1)
        elif depth == len(_MEDIA) and kind == b"mdhd" and last > first:
            at, form = (first + 20, ">IQ") if data[first] else (first + 12, ">II")
            if at + struct.calcsize(form) <= last:
                scale, length = struct.unpack_from(form, data, at)
                if scale:
                    yield round(length * _MS / scale)
