"""What a PNG says of its colours without a profile (PNG, third edition, section 11.3.2)."""

import struct
from dataclasses import dataclass
from typing import Final

_SIGNATURE_BYTES: Final = 8
_CORNERS: Final = 8
"""Coordinates of white, red, green and blue."""
_UNIT: Final = 100_000
_GAMMAS: Final = (0.1, 4.0)
"""Beyond these a file does not mean it."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The one statement that counts: cICP goes before sRGB, that before gAMA and cHRM."""

    numbers: tuple[int, int] | None = None
    """Primaries and transfer as in ITU-T H.273."""
    gamma: float | None = None
    """The power that makes light of codes."""
    corners: tuple[tuple[float, float], ...] | None = None
    """Chromaticities of white, red, green and blue."""


def colours(head: bytes) -> Colours:
    """Of a file's first bytes; nothing in it where the file says nothing, or sRGB."""
    found: dict[bytes, bytes] = {}
    at = _SIGNATURE_BYTES
    while at + 12 <= len(head):
        size, kind = struct.unpack_from(">I4s", head, at)
        if kind in {b"IDAT", b"PLTE"}:
            break
        found.setdefault(kind, head[at + 8 : at + 8 + size])
        at += 12 + size
    named = found.get(b"cICP", b"")
    if len(named) >= len(("primaries", "transfer")):
        return Colours(numbers=(named[0], named[1]))
    if b"sRGB" in found:
        return Colours()
    return Colours(gamma=_gamma(found.get(b"gAMA", b"")), corners=_corners(found.get(b"cHRM", b"")))


def _gamma(data: bytes) -> float | None:
    if len(data) != struct.calcsize(">I"):
        return None
    (coded,) = struct.unpack(">I", data)
    gamma = _UNIT / coded if coded else 0.0
    return gamma if _GAMMAS[0] <= gamma <= _GAMMAS[1] else None


def _corners(data: bytes) -> tuple[tuple[float, float], ...] | None:
    if len(data) != struct.calcsize(f">{_CORNERS}I"):
        return None
    values = [value / _UNIT for value in struct.unpack(f">{_CORNERS}I", data)]
    return tuple(zip(values[::2], values[1::2], strict=True))
