"""The header of a JPEG XL file: its size and colours, read before anything is decoded.

Field by field as in ISO/IEC 18181-1, annexes D (image header) and E (colour encoding); the boxes
around a codestream are those of ISO/IEC 18181-2.
"""

from dataclasses import dataclass
from typing import Final

from mediakiln.model.errors import BadMedia
from mediakiln.operations.image.pixels.managed.declared import boxes
from mediakiln.operations.image.pixels.managed.profiles import Primaries

CONTAINER: Final = b"\x00\x00\x00\x0cJXL \r\n\x87\n"

_CODESTREAM = b"\xff\x0a"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIZES = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_CUSTOM = 2
_UNSPECIFIED = 2
"""Primaries in H.273 that no number tells."""
_XYB, _GREY = 2, 1
_SRGB = (1, 13)
_LINEAR = (1, 8)
_CORNER = ((19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152))
_MILLIONTH = 1_000_000


_Colours = tuple[tuple[int, int] | None, Primaries | None]


@dataclass(frozen=True, slots=True)
class Header:
    """What a JPEG XL file says of itself; its size is as stored, not yet upright."""

    width: int
    height: int
    colours: tuple[int, int] | None
    """Primaries and transfer as in ITU-T H.273; None where only a profile in the file says it."""
    corners: Primaries | None = None
    """Primaries of their own, which go before the number."""


class _Bits:
    """Reads bits, lowest first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise BadMedia("the image is damaged: its header ends too early")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value

    def choice(self, options: tuple[tuple[int, int], ...]) -> int:
        """A number coded as one of four (bits, offset)."""
        bits, offset = options[self.take(2)]
        return self.take(bits) + offset


def parse(head: bytes) -> Header:
    """Read the header from a file's first kilobytes.

    Raises:
        BadMedia: it is damaged, or not JPEG XL.
    """
    stream = _codestream(head)
    if not stream.startswith(_CODESTREAM):
        raise BadMedia("the image is damaged: it has no codestream")
    bits = _Bits(stream[len(_CODESTREAM) :][:512])
    width, height = _size(bits)
    if bits.take(1):
        return Header(width, height, _SRGB)
    return Header(width, height, *_colours(bits))


def _codestream(head: bytes) -> bytes:
    if not head.startswith(CONTAINER):
        return head
    for kind, start, end in boxes(head, 0, len(head)):
        if kind == b"jxlc":
            return head[start:end]
        if kind == b"jxlp":
            return head[start + 4 : end]
    return b""


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        return (bits.take(5) + 1) * 8 if small else bits.choice(_SIZES)

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _colours(bits: _Bits) -> _Colours:
    if bits.take(1):
        _extra_fields(bits)
    _depth(bits)
    bits.take(1)
    for _ in range(bits.choice(((0, 0), (0, 1), (4, 2), (12, 1)))):
        if not _is_plain_alpha(bits):
            return None, None
    mixed = bits.take(1)
    if bits.take(1):
        return _SRGB, None
    profile, space = bits.take(1), bits.choice(_ENUM)
    if profile:
        # Without colour management libjxl gives mixed (XYB) pixels as light, in sRGB's primaries.
        return (_LINEAR if mixed else None), None
    return (None, None) if space == _XYB else _named(bits, grey=space == _GREY)


def _named(bits: _Bits, *, grey: bool) -> _Colours:
    primaries, corners = _SRGB[0], None
    if bits.choice(_ENUM) != 1:
        return None, None
    if not grey:
        number = bits.choice(_ENUM)
        corners = (_corner(bits), _corner(bits), _corner(bits)) if number == _CUSTOM else None
        primaries = {1: 1, 9: 9, 11: 12, _CUSTOM: _UNSPECIFIED}.get(number, 0)
    if bits.take(1):
        return None, None
    transfer = bits.choice(_ENUM)
    if not primaries or transfer == _CUSTOM:
        return None, None
    return (primaries, transfer), corners


def _corner(bits: _Bits) -> tuple[float, float]:
    """X and y of a primary, in millionths; odd numbers stand for negative ones."""
    x, y = bits.choice(_CORNER), bits.choice(_CORNER)
    return _signed(x) / _MILLIONTH, _signed(y) / _MILLIONTH


def _signed(packed: int) -> int:
    return -(packed + 1) // 2 if packed % 2 else packed // 2


def _extra_fields(bits: _Bits) -> None:
    bits.take(3)
    if bits.take(1):
        _size(bits)
    if bits.take(1):
        _preview(bits)
    if bits.take(1):
        bits.choice(((0, 100), (0, 1000), (10, 1), (30, 1)))
        bits.choice(((0, 1), (0, 1001), (8, 1), (10, 1)))
        bits.choice(((0, 0), (3, 0), (16, 0), (32, 0)))
        bits.take(1)


def _preview(bits: _Bits) -> None:
    eighths = ((0, 16), (0, 32), (5, 1), (9, 33))
    options = eighths if bits.take(1) else ((6, 1), (8, 65), (10, 321), (12, 1345))
    bits.choice(options)
    if not bits.take(3):
        bits.choice(options)


def _depth(bits: _Bits) -> None:
    if bits.take(1):
        bits.choice(((0, 32), (0, 16), (0, 24), (6, 1)))
        bits.take(4)
    else:
        bits.choice(((0, 8), (0, 10), (0, 12), (6, 1)))


def _is_plain_alpha(bits: _Bits) -> bool:
    """An extra channel that is alpha, with its usual or its own depth and without a name."""
    if bits.take(1):
        return True
    if bits.choice(_ENUM) != 0:
        return False
    _depth(bits)
    if bits.choice(((0, 0), (0, 3), (0, 4), (3, 1))) or bits.choice(
        ((0, 0), (4, 0), (5, 16), (10, 48))
    ):
        return False
    bits.take(1)
    return True
