"""AV1 of one still picture: what its sequence header says.

AV1 Bitstream and Decoding Process Specification, sections 5.3 to 5.5.
"""

from dataclasses import dataclass
from typing import IO, Final

_SEQUENCE, _DELIMITER, _HEADER, _TILES, _METADATA, _FRAME, _PADDING = 1, 2, 3, 4, 5, 6, 15
_KNOWN: Final = frozenset({_DELIMITER, _TILES, _METADATA, _PADDING, _SEQUENCE, _HEADER, _FRAME})
_MOST_UNITS: Final = 4096
_MOST_SEQUENCE_BYTES: Final = 256
_SELECTED: Final = 2
_UNSPECIFIED: Final = 2
_SRGB: Final = (1, 13, 0)
"""Primaries, transfer and matrix that are always whole chroma of the full range."""
_PROFILES: Final = {0: (2, 2), 1: (1, 1), 2: (2, 1)}
"""How many pixels share a chroma sample, across and down."""
_HIGH_LEVEL: Final = 7


@dataclass(frozen=True, slots=True)
class Sequence:
    """Of an image of 8 bits."""

    width: int
    height: int
    shared: tuple[int, int] | None
    """How many pixels, across and down, share a chroma sample; None where there is no chroma."""
    primaries: int
    """In ITU-T H.273's numbers, as are those that follow."""
    transfer: int
    matrix: int
    full: bool
    """Whether samples go from 0 to 255."""


def still(file: IO[bytes], start: int, length: int) -> Sequence | None:
    """The sequence of one picture of 8 bits a channel, without layers and grain; None for others.

    Args:
        file: is read from and moved.
        start: where the AV1 begins in it.
        length: its bytes.

    Raises:
        ValueError, IndexError: it ends too early.
    """
    at, end, found, pictures = start, start + length, None, 0
    for _ in range(_MOST_UNITS):
        if at == end:
            return found if pictures == 1 else None
        file.seek(at)
        head = file.read(9)
        kind, extended, sized = head[0] >> 3 & 15, head[0] & 4, head[0] & 2
        if kind not in _KNOWN or extended or head[0] & 0x80:
            return None
        size, used = _leb128(head[1:]) if sized else (end - at - 1, 0)
        body, at = at + 1 + used, at + 1 + used + size
        if at > end:
            raise ValueError
        if kind == _SEQUENCE:
            file.seek(body)
            if found is not None or (found := _sequence(file.read(min(size, 256)))) is None:
                return None
        pictures += kind in {_HEADER, _FRAME}
    return None


def _leb128(data: bytes) -> tuple[int, int]:
    """A number, and how many bytes it has (section 4.10.5)."""
    value = 0
    for place in range(8):
        value |= (data[place] & 0x7F) << (7 * place)
        if data[place] < 0x80:  # noqa: PLR2004 - the bit that says that more follow
            return value, place + 1
    raise ValueError


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def take(self, count: int = 1) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError
        return self._value >> self._left & ((1 << count) - 1)


def _sequence(data: bytes) -> Sequence | None:
    """Section 5.5.1."""
    bits = _Bits(data)
    profile, _, reduced = bits.take(3), bits.take(), bits.take()
    if reduced:
        bits.take(5)
    elif not _one_layer(bits):
        return None
    across, down = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(across) + 1, bits.take(down) + 1
    if not reduced and bits.take():
        bits.take(7)
    bits.take(3)
    if not reduced:
        _skip_tools(bits)
    bits.take(3)
    return _colours(bits, profile, (width, height))


def _one_layer(bits: _Bits) -> bool:
    """Whether the picture is not one of several that make up another; no timing is understood."""
    timed, delayed, further = bits.take(), bits.take(), bits.take(5)
    if timed or further or bits.take(12):
        return False
    if bits.take(5) > _HIGH_LEVEL:
        bits.take()
    if delayed and bits.take():
        bits.take(4)
    return True


def _skip_tools(bits: _Bits) -> None:
    """Which tools between pictures, and for screens, there may be."""
    bits.take(4)
    ordered = bits.take()
    if ordered:
        bits.take(2)
    screens = _SELECTED if bits.take() else bits.take()
    if screens and not bits.take():
        bits.take()
    if ordered:
        bits.take(3)


def _colours(bits: _Bits, profile: int, size: tuple[int, int]) -> Sequence | None:
    """Section 5.5.2, and whether there is grain."""
    deep = bits.take()
    if deep or profile not in _PROFILES:
        return None
    grey = profile != 1 and bits.take()
    named = (_UNSPECIFIED,) * 3
    if bits.take():
        named = bits.take(8), bits.take(8), bits.take(8)
    shared: tuple[int, int] | None = _PROFILES[profile]
    if grey:
        shared, full = None, bits.take()
    elif named == _SRGB:
        shared, full = (1, 1), 1
    else:
        full = bits.take()
        if shared == (2, 2):
            bits.take(2)
    if not grey:
        bits.take()
    return None if bits.take() else Sequence(*size, shared, *named, full=bool(full))
