"""Large AVIF of one frame, by FFmpeg's AV1 decoder: libheif's takes five times the memory.

FFmpeg runs as a program of its own. It is given the AV1 alone, by a pipe, in the plainest
container that it reads, so that it opens no file, and which image is shown is decided here. It
has the frame, and gives it band by band: a filter repeats the frame, without a copy of it, and
another cuts the next band out.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from mediakiln.model.errors import BadMedia
from mediakiln.operations.av import program
from mediakiln.operations.image.pixels.codecs.strips import LARGE_BYTES, Strips
from mediakiln.operations.image.pixels.parts import av1, grid, items, planes
from mediakiln.operations.image.pixels.parts.items import COLOUR, Items
from mediakiln.operations.image.pixels.parts.tile import AV1

_BANDS: Final = 3
_ROWS: Final = 32
"""Of a band; even, so that rows of halved chroma are not parted."""
_DECODER: Final = "libdav1d"
_PIECE_BYTES: Final = 1 << 18
_SPARE_BYTES: Final = 1 << 20
"""In one piece, beside the frame and its AV1."""
_ROOM: Final = 128
"""Pixels by which a decoder's frame exceeds its sides."""
_PLAIN: Final = frozenset({AV1, b"ispe", b"pixi", COLOUR, b"clli", b"mdcv"})
"""Properties with which pixels are what the decoder gives: not turned, mirrored, cut or layered."""
_NCLX: Final = b"nclx"
_PROFILES: Final = frozenset({b"prof", b"rICC"})
_UNNAMED: Final = 2
_MOST_PLACE: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class _Frame:
    path: Path
    start: int
    """Where its AV1 is."""
    length: int
    width: int
    height: int
    shared: tuple[int, int] | None
    convert: planes.Convert


def large(path: Path, header: Any) -> Strips | None:
    """An AVIF by its tiles, or a large one by its one frame: see `grid.avif` and `avif`."""
    return grid.avif(path, header) or avif(path, header)


def avif(path: Path, header: Any) -> Strips | None:
    """A large AVIF of one frame of 8 bits without alpha, as it is stored; None for others.

    Others are what libheif does something with that is not known to be done alike here, and
    all of them where there is no FFmpeg that decodes AV1.

    Args:
        path: the file's.
        header: libvips' image of it.
    """
    if header.width * header.height * _BANDS <= LARGE_BYTES:
        return None
    if not items.plain(header):
        return None
    try:
        frame = _parsed(path, (header.width, header.height))
    except (struct.error, LookupError, ValueError, OverflowError):
        # How it is damaged is the decoder's to say.
        return None
    if frame is None or not program.decodes(_DECODER):
        return None
    return Strips(header, lambda: _Reader(frame).rows)


def _parsed(path: Path, size: tuple[int, int]) -> _Frame | None:
    file = items.read(path)
    said = file.said[file.primary]
    inside, ((start, length),) = file.places[file.primary]
    if inside or file.shown or file.coded != b"av01" or not {kind for kind, _ in said} <= _PLAIN:
        return None
    if start + length > path.stat().st_size:
        return None
    with path.open("rb") as opened:
        sequence = av1.still(opened, start, length)
    if sequence is None or (sequence.width, sequence.height) != size:
        return None
    kind = _kind(file, sequence)
    convert = planes.converter(kind) if kind else None
    return _Frame(path, start, length, *size, sequence.shared, convert) if convert else None


def _kind(file: Items, sequence: av1.Sequence) -> planes.Kind | None:
    """How colours are coded: what the file says goes before what the AV1 says."""
    said = [value for kind, value in file.said[file.primary] if kind == COLOUR]
    named = [value for value in said if value[:4] == _NCLX]
    if len(named) > 1 or any(value[:4] not in {_NCLX, *_PROFILES} for value in said):
        return None
    if not named:
        return planes.Kind(sequence.shared, sequence.matrix, sequence.full)
    _, _, matrix, full = struct.unpack_from(">HHHB", named[0], 4)
    if matrix == _UNNAMED != sequence.matrix:
        return None
    return planes.Kind(sequence.shared, matrix, bool(full & 0x80))


class _Reader:
    """Gives rows of a frame from top to bottom, of which it holds one band."""

    def __init__(self, frame: _Frame) -> None:
        self._bands = _bands(frame)
        self._top = 0
        self._held: Any = ()

    def rows(self, top: int, count: int) -> bytes:
        """Packed rows, from `top` on."""
        packed = b""
        while count:
            while top >= self._top + len(self._held):
                self._top, self._held = next(self._bands)
            if top < self._top:
                raise ValueError("rows are read once")
            start = top - self._top
            some = self._held[start : start + count]
            packed += some.tobytes()
            top, count = top + len(some), count - len(some)
        return packed


def _bands(frame: _Frame) -> Iterator[tuple[int, Any]]:
    """The first row of each band, and its rows x columns x 3 bytes; FFmpeg ends with this.

    Bands overlap: they begin with even rows, and end with the last.

    Raises:
        BadMedia: the frame is damaged.
    """
    import numpy as np

    high = min(_ROWS + frame.height % 2, frame.height)
    count = -(-(frame.height - high) // _ROWS) + 1
    shapes = _shapes(frame.shared, frame.width, high)
    size = sum(down * across for down, across in shapes)

    def band(file: IO[bytes], number: int) -> tuple[int, Any]:
        data = file.read(size)
        if len(data) < size:
            raise BadMedia("the image is damaged: a part of it cannot be decoded")
        out, at, found = np.empty((high, frame.width, _BANDS), np.uint8), 0, []
        for down, across in shapes:
            plane = np.frombuffer(data, np.uint8, down * across, at)
            found.append(plane.reshape(down, across))
            at += down * across
        frame.convert(found, out)
        return min(number * _ROWS, frame.height - high), out

    with program.stream(_arguments(frame, high, count), feed=_coded(frame)) as file:
        for number in range(count - 1):
            yield band(file, number)
        last = band(file, count - 1)
        if file.read(1):
            raise BadMedia("the image is damaged: it is not as it says")
    # Only now it is known that nothing was wrong.
    yield last


def _shapes(shared: tuple[int, int] | None, width: int, height: int) -> list[tuple[int, int]]:
    """Rows and columns of the planes."""
    if shared is None:
        return [(height, width)]
    across, down = shared
    return [(height, width), *[(-(-height // down), -(-width // across))] * 2]


def _arguments(frame: _Frame, high: int, count: int) -> list[str]:
    """FFmpeg's; by being strict the decoder finds the damage that libheif's finds."""
    whole = sum(down * across for down, across in _shapes(frame.shared, frame.width, frame.height))
    cut = f"loop=loop={count - 1}:size=1,crop=w=iw:h={high}:x=0:y=n*{_ROWS}:exact=1"
    return [
        *("-protocol_whitelist", "pipe", "-format_whitelist", "ivf", "-f", "ivf"),
        *("-max_alloc", str(2 * whole + frame.length + _SPARE_BYTES)),
        *("-max_streams", "1", "-max_pixels", str((frame.width + _ROOM) * (frame.height + _ROOM))),
        *("-threads", "1", "-xerror", "-strict", "strict", "-c:v", _DECODER, "-i", "pipe:0"),
        *("-vf", cut, "-fps_mode", "passthrough", "-f", "rawvideo"),
    ]


def _coded(frame: _Frame) -> Iterator[bytes]:
    """The AV1, as an IVF of one frame."""
    sides = (min(side, _MOST_PLACE) for side in (frame.width, frame.height))
    yield struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"AV01", *sides, 1, 1, 1, 0)
    yield struct.pack("<IQ", frame.length, 0)
    left = frame.length
    with frame.path.open("rb") as file:
        file.seek(frame.start)
        while left and (piece := file.read(min(left, _PIECE_BYTES))):
            left -= len(piece)
            yield piece
