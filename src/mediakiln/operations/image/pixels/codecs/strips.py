"""Pixels that come some rows at a time, as a libvips image: nobody holds them all.

libvips calls back for bytes of a file, not for pixels. So it is given a file of the plainest kind
that it trusts, an uncompressed TIFF (6.0, sections 2 and 3; 64-bit offsets as in BigTIFF), which
nobody writes: each strip is made when it is read.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pyvips

from mediakiln.operations.image.pixels import engine

LARGE_BYTES: Final = 64 * 1024 * 1024
"""Of pixels from which on it is worth it: fewer are decoded at once, and kept between steps."""

_STRIP_BYTES: Final = 1 << 18
_SHORT, _LONG, _LONG8 = 3, 4, 16
_FORMATS: Final = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}
_HEADER: Final = struct.Struct("<2sHHHQ")
_BIG: Final = 43
_GREY, _RGB = 1, 2
_COLOURS: Final = 3
_PLAIN_ALPHA: Final = 2


Rows = Callable[[int, int], bytes]
"""Called with the first row's number and how many, from top to bottom; gives packed pixels."""


@dataclass(frozen=True, slots=True)
class Strips:
    """An image of 8 bits a channel, grey or RGB, with or without alpha."""

    header: Any
    """A libvips image of its size and bands, with all that the file says beside the pixels."""
    begin: Callable[[], Rows]
    """Called each time before pixels are read."""
    table: Any | None = None
    """The colours, where pixels are their numbers: a row of 256."""
    orientation: int = 1
    """Of the pixels, in EXIF's numbers (3.0, 4.6.5.1.6); `header` says nothing of it."""

    def opened(self) -> Any:
        """The image, lazily: a libvips image that can be read once from top to bottom.

        Raises:
            BadMedia, pyvips.Error: the file is damaged.
        """
        bands = self.header.bands if self.table is None else 1
        file = _File(self.header.width, self.header.height, bands, self.begin())
        source = pyvips.SourceCustom()
        source.on_read(file.read)
        source.on_seek(file.seek)
        image = pyvips.Image.new_from_source(source, "fail_on=error", access="sequential")
        if self.table is not None:
            image = image.maplut(self.table)
        image = engine.carrying(image, self.header)
        if self.orientation != 1:
            image.set_type(pyvips.GValue.gint_type, "orientation", self.orientation)
        return image


def blank(width: int, height: int, bands: int) -> Any:
    """An image without pixels of its own."""
    blank = pyvips.Image.black(width, height, bands=bands)
    return blank.copy(interpretation="b-w" if bands < len("RGB") else "srgb")


class _File:
    """The TIFF that is not there."""

    def __init__(self, width: int, height: int, bands: int, rows: Rows) -> None:
        self._rows = rows
        self._height = height
        self._row_bytes = width * bands
        self._each = max(1, _STRIP_BYTES // self._row_bytes)
        self._head = self._directory(width, bands)
        self._size = len(self._head) + self._row_bytes * height
        self._at = 0
        self._strip: tuple[int, bytes] = (-1, b"")

    def read(self, most: int) -> memoryview | None:
        """As much as is in one piece, and no more than `most` bytes; None where there are none.

        libvips, which calls this, can be told no more of damage than that.
        """
        try:
            return self._piece(most)
        except Exception:  # noqa: BLE001 - what decoders raise follows no rule
            return None

    def _piece(self, most: int) -> memoryview | None:
        at, head = self._at, len(self._head)
        if at >= self._size:
            return None
        if at < head:
            piece = memoryview(self._head)[at : at + most]
        else:
            number, start = divmod(at - head, self._each * self._row_bytes)
            piece = memoryview(self._made(number))[start : start + most]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int) -> int:
        """Where it stands then, as `io` has it."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def _made(self, number: int) -> bytes:
        if self._strip[0] != number:
            top = number * self._each
            rows = min(self._each, self._height - top)
            self._strip = number, self._rows(top, rows)
        return self._strip[1]

    def _directory(self, width: int, bands: int) -> bytes:
        strips = -(-self._height // self._each)
        sizes = [self._each * self._row_bytes] * strips
        sizes[-1] = (self._height - (strips - 1) * self._each) * self._row_bytes
        entries: list[tuple[int, int, list[int]]] = [
            (256, _LONG, [width]),
            (257, _LONG, [self._height]),
            (258, _SHORT, [8] * bands),
            (259, _SHORT, [1]),
            (262, _SHORT, [_RGB if bands >= _COLOURS else _GREY]),
            (273, _LONG8, []),
            (277, _SHORT, [bands]),
            (278, _LONG, [self._each]),
            (279, _LONG8, sizes),
        ]
        if bands in {2, 4}:
            entries.append((338, _SHORT, [_PLAIN_ALPHA]))
        after = _HEADER.size + 8 + 20 * len(entries) + 8
        first = after + 2 * 8 * strips
        entries[5] = (273, _LONG8, [first + sum(sizes[:1]) * n for n in range(strips)])
        return _written(entries, after).ljust(first, b"\0")


def _written(entries: list[tuple[int, int, list[int]]], after: int) -> bytes:
    """Header and directory; values that do not fit into it stand from `after` on."""
    directory, further = b"", b""
    for tag, kind, values in entries:
        data = struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values)
        if len(data) > 8:  # noqa: PLR2004 - bytes of an entry's own
            place = struct.pack("<Q", after + len(further))
            data, further = place, further + data
        directory += struct.pack("<HHQ8s", tag, kind, len(values), data)
    head = _HEADER.pack(b"II", _BIG, 8, 0, _HEADER.size)
    return head + struct.pack("<Q", len(entries)) + directory + bytes(8) + further
