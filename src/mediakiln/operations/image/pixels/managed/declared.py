"""Colour spaces that a file only names: in its container, or in EXIF."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mediakiln.operations.image.pixels.managed import png, profiles

_HEAD_BYTES = 1 << 16
_NCLX_BYTES = 8
_NAMES = {
    1: "BT.709",
    9: "BT.2020",
    11: "DCI-P3",
    12: "Display P3",
}
_CURVES = {16: " PQ", 18: " HLG"}
_SRGB_GAMMA: Final = 2.2
_SLACK: Final = 0.05, 0.002
"""Of a gamma, as a share, and of a chromaticity: files round, and mean sRGB."""
_INTEROPERABILITY = "exif-ifd4-InteroperabilityIndex"


@dataclass(frozen=True, slots=True)
class Declared:
    """A colour space other than sRGB that a file names without a profile."""

    name: str
    """For people."""
    profile: bytes
    """An ICC profile of it."""
    grey: bytes | None = None
    """Another for pictures without colours; None where their numbers are as in sRGB."""

    def profile_of(self, image: Any) -> bytes | None:
        """The profile that fits a libvips image."""
        return self.grey if image.interpretation in {"b-w", "grey16"} else self.profile


def by_numbers(
    primaries: int, transfer: int, corners: profiles.Primaries | None = None
) -> Declared | None:
    """What ITU-T H.273's numbers name; None where it is sRGB, or unknown.

    `corners` are the chromaticities of primaries that no number names.
    """
    if corners is not None:
        return _cornered(corners, transfer)
    name = _NAMES.get(primaries, _NAMES[1]) + _CURVES.get(transfer, "")
    profile = profiles.named(primaries, transfer, name)
    return Declared(name, profile, profiles.grey(transfer, name)) if profile else None


def _cornered(corners: profiles.Primaries, transfer: int) -> Declared | None:
    name = "chromaticities" + _CURVES.get(transfer, "")
    try:
        profile = profiles.cornered(corners, transfer, name)
    except ValueError:
        return None
    return Declared(name, profile, profiles.grey(transfer, name))


def by_file(format: str, path: Path, header: Any) -> Declared | None:
    """What a file says of its colours, by its beginning and libvips' header; None for sRGB.

    AVIF says it in a `colr` box of kind nclx (ISO/IEC 14496-12, section 12.1.5), PNG in chunks,
    cameras' JPEGs in EXIF's interoperability index (DCF 2.0, section 3.3: R03 is the optional
    colour space, Adobe RGB).
    """
    if format == "avif":
        numbers = _nclx(_head(path))
    elif format == "png":
        return _of_png(png.colours(_head(path)))
    elif format == "jpeg" and header.get_typeof(_INTEROPERABILITY):
        adobe = str(header.get(_INTEROPERABILITY)).startswith("R03")
        return Declared("Adobe RGB (1998)", profiles.adobe_rgb()) if adobe else None
    else:
        return None
    return by_numbers(*numbers) if numbers else None


def _of_png(stated: png.Colours) -> Declared | None:
    if stated.numbers is not None:
        return by_numbers(*stated.numbers)
    white, *corners = stated.corners or (profiles.D65, *profiles.SRGB)
    usual = np.allclose((white, *corners), (profiles.D65, *profiles.SRGB), atol=_SLACK[1])
    gamma = stated.gamma
    plain = gamma is None or abs(gamma / _SRGB_GAMMA - 1) <= _SLACK[0]
    if usual and plain:
        return None

    def curve(coded: Any) -> Any:
        return profiles.srgb_light(coded) if gamma is None else coded**gamma

    name = "gamma and chromaticities" if gamma and not usual else "gamma"
    name = name if gamma else "chromaticities"
    try:
        profile = profiles.described((corners[0], corners[1], corners[2]), curve, name, white)
    except ValueError:
        return None
    return Declared(name, profile, None if plain else profiles.described_grey(curve, name))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of every box of an ISO base media file in a range."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        last = end if size == 0 else start + size
        if size and size < head:
            return
        yield kind, start + head, min(last, end)
        start = last


def _nclx(head: bytes) -> tuple[int, int] | None:
    spans = [(0, len(head))]
    for wanted, skipped in ((b"meta", 4), (b"iprp", 0), (b"ipco", 0), (b"colr", 0)):
        spans = [
            (first + skipped, last)
            for start, end in spans
            for kind, first, last in boxes(head, start, end)
            if kind == wanted
        ]
    for first, last in spans:
        if head[first : first + 4] == b"nclx" and last - first >= _NCLX_BYTES:
            primaries, transfer = struct.unpack_from(">HH", head, first + 4)
            return primaries, transfer
    return None
