"""JPEG XL: the size and orientation that its codestream begins with (ISO/IEC 18181-1, annex D)."""

from mediakiln.adapters.detector.pictures.boxes import boxes_of, whole
from mediakiln.adapters.detector.pictures.facts import picture
from mediakiln.adapters.detector.probes.window import Window, guessing, le
from mediakiln.ports.detector import Detection

_TYPE = "image/jxl"
_CODESTREAM = b"\xff\x0a"
_READ_BYTES = 32
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIDES = (9, 13, 18, 30)
"""Bits of a side, by the number before it."""


class _Bits:
    """Reads bits, lowest first; those behind the end are 0."""

    def __init__(self, data: bytes) -> None:
        self._value = le(data)

    def take(self, count: int) -> int:
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value


def jxl(window: Window) -> Detection:
    """A bare codestream, or one in boxes (ISO/IEC 18181-2)."""
    with guessing(picture(_TYPE)):
        stream = _stream(window)
    if stream[:2] != _CODESTREAM:
        return picture(_TYPE)
    bits = _Bits(stream[2:])
    width, height = _size(bits)
    orientation = None
    if not bits.take(1) and bits.take(1):  # not all as usual, and more than the colours
        orientation = bits.take(3) + 1
    return picture(_TYPE, width, height, orientation)


def _stream(window: Window) -> bytes:
    if window.head.startswith(_CODESTREAM):
        return window.read(0, _READ_BYTES)
    for kind, start, _ in boxes_of(window, whole(window)):
        if kind == b"jxlc":
            return window.read(start, _READ_BYTES)
        if kind == b"jxlp":
            return window.read(start + 4, _READ_BYTES)
    return b""


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        return (bits.take(5) + 1) * 8 if small else bits.take(_SIDES[bits.take(2)]) + 1

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height
