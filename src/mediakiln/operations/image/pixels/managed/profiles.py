"""ICC profiles: made for colour spaces that a file only names, and judged by their gamut."""

import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
Curve = Callable[[NDArray[Any]], NDArray[Any]]

ADOBE_RGB: Final[Primaries] = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
"""Adobe RGB (1998), section 4.3.1.1."""
ADOBE_GAMMA: Final = 563 / 256

SRGB: Final[Primaries] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_PRIMARIES: dict[int, Primaries] = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Of ITU-T H.273, table 2, all with white D65 (11 is nearly so): BT.2020, DCI-P3, Display P3."""
_LINEAR, _GAMMA_22, _GAMMA_28, _PQ, _HLG = 8, 4, 5, 16, 18
"""Transfer characteristics of ITU-T H.273, table 3; others are taken for sRGB's."""

D65: Final = (0.3127, 0.3290)
_D50_XYZ = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_MAKER = "mediakiln"
_ENTRIES = 4096
_WHITE_NITS = 203.0
"""Of paper white in HDR pictures (ITU-R BT.2408)."""
_KNEE = 0.6
_SRGB_TOE = 0.04045
_HLG_TOE = 0.5
_HEAD_BYTES = 128
_MAX_TAGS = 100
_DEVICES = frozenset({b"mntr", b"scnr", b"prtr", b"spac"})
_MATRIX_TAGS = (b"rXYZ", b"gXYZ", b"bXYZ")
_SLACK = 0.02
"""How far a primary may lie beyond sRGB's, in x or y, and still be taken for it."""


def srgb_light(coded: NDArray[Any]) -> NDArray[Any]:
    """The light of sRGB's codes, both 0 to 1 (IEC 61966-2-1)."""
    return np.where(coded <= _SRGB_TOE, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def named(primaries: int, transfer: int, name: str = _MAKER) -> bytes | None:
    """The profile of a space named by ITU-T H.273's numbers; None where it is sRGB, or unknown.

    PQ and HLG are brought to standard range: paper white to white, with a soft shoulder.
    """
    known = _PRIMARIES.get(primaries)
    curve = _CURVES.get(transfer)
    if known is None and curve is None:
        return None
    return described(known or SRGB, curve or srgb_light, name)


def adobe_rgb() -> bytes:
    """The profile of Adobe RGB (1998), for cameras that name it in EXIF alone."""
    return described(ADOBE_RGB, lambda coded: coded**ADOBE_GAMMA, "Adobe RGB (1998)")


def cornered(primaries: Primaries, transfer: int, name: str) -> bytes:
    """The profile of these primaries with a transfer of H.273.

    Raises:
        ValueError: no colours can be mixed of these primaries.
    """
    return described(primaries, _CURVES.get(transfer, srgb_light), name)


def grey(transfer: int, name: str = _MAKER) -> bytes | None:
    """As `named`, of brightness alone; None where it is sRGB's, or unknown."""
    curve = _CURVES.get(transfer)
    return described_grey(curve, name) if curve else None


def described(
    primaries: Primaries, curve: Curve, name: str, white: tuple[float, float] = D65
) -> bytes:
    """A matrix profile (ICC.1:2001-04, 6.3.1); `curve` gives the light of codes, 0 to 1.

    Raises:
        ValueError: no colours can be mixed of these primaries.
    """
    columns = _to_d50(primaries, white)
    matrix = {tag: _xyz(columns[:, n]) for n, tag in enumerate(_MATRIX_TAGS)}
    return _assembled({**_heading(name), **matrix, b"rTRC": _table(curve)}, b"RGB ")


def described_grey(curve: Curve, name: str) -> bytes:
    """A profile of brightness alone (ICC.1:2001-04, 6.3.1.1)."""
    return _assembled({**_heading(name), b"kTRC": _table(curve)}, b"GRAY")


def _heading(name: str) -> dict[bytes, bytes]:
    text = name.encode("ascii")
    return {
        b"desc": b"desc" + struct.pack(">4xI", len(text) + 1) + text + bytes(79),
        b"cprt": b"text" + bytes(4) + b"CC0\0",
        b"wtpt": _xyz(_D50_XYZ),
    }


def _table(curve: Curve) -> bytes:
    light = np.clip(curve(np.linspace(0, 1, _ENTRIES)), 0, 1)
    codes = (light * 65535).round().astype(">u2")
    return b"curv" + struct.pack(">4xI", _ENTRIES) + codes.tobytes()


def usable(profile: bytes, *, grey: bool) -> bool:
    """Whether a profile that goes with a result has what readers need to show it.

    It is one of displays, cameras or colour spaces, of as many colours as the pixels, with tags
    that lie inside it.
    """
    if len(profile) < _HEAD_BYTES + 4 or profile[36:40] != b"acsp":
        return False
    if profile[16:20] != (b"GRAY" if grey else b"RGB ") or profile[12:16] not in _DEVICES:
        return False
    (count,) = struct.unpack_from(">I", profile, _HEAD_BYTES)
    if not 0 < count <= _MAX_TAGS or _HEAD_BYTES + 4 + 12 * count > len(profile):
        return False
    spans = struct.iter_unpack(">4xII", profile[_HEAD_BYTES + 4 :][: 12 * count])
    return all(at + size <= len(profile) for at, size in spans)


def wide(profile: bytes) -> bool:
    """Whether a profile holds colours that sRGB does not: unknown kinds count as such."""
    if profile[16:20] == b"GRAY":
        return False
    if profile[16:20] != b"RGB ":
        return True
    corners = [_chromaticity(profile, tag) for tag in _MATRIX_TAGS]
    if None in corners:
        return True
    srgb = _to_d50(SRGB)
    for n, corner in enumerate(corners):
        usual = srgb[:2, n] / srgb[:, n].sum()
        if corner is not None and np.abs(np.array(corner) - usual).max() > _SLACK:
            return True
    return False


def _to_d50(primaries: Primaries, white: tuple[float, float] = D65) -> NDArray[Any]:
    """Columns of red, green and blue in XYZ, adapted from their white to D50 as Bradford does."""
    if min(y for _, y in (*primaries, white)) <= 0:
        raise ValueError("a colour without brightness has no chromaticity")
    *corners, shown = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in (*primaries, white))
    rows = np.array(corners).T
    try:
        matrix = rows * np.linalg.solve(rows, shown)
    except np.linalg.LinAlgError as error:
        raise ValueError("the primaries lie on one line") from error
    scale = np.diag((_BRADFORD @ _D50_XYZ) / (_BRADFORD @ shown))
    adapted: NDArray[Any] = np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD @ matrix
    return adapted


def _pq(coded: NDArray[Any]) -> NDArray[Any]:
    """SMPTE ST 2084's electro-optical transfer, in multiples of paper white."""
    root = coded ** (32 / 2523)
    light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return _shoulder(10_000 / _WHITE_NITS * light ** (16_384 / 2610))


def _hlg(coded: NDArray[Any]) -> NDArray[Any]:
    """ITU-R BT.2100's hybrid log-gamma on a display of 1000 nits, channel by channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(coded <= _HLG_TOE, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    return _shoulder(1000 / _WHITE_NITS * scene**1.2)


def _shoulder(light: NDArray[Any]) -> NDArray[Any]:
    """Leave what is dim and bend what is bright towards white, never clipping it flat."""
    room = 1 - _KNEE
    bent = _KNEE + room * (1 - np.exp(-(np.maximum(light, _KNEE) - _KNEE) / room))
    return np.where(light <= _KNEE, light, bent)


_CURVES: dict[int, Curve] = {
    _LINEAR: lambda coded: coded,
    _GAMMA_22: lambda coded: coded**2.2,
    _GAMMA_28: lambda coded: coded**2.8,
    _PQ: _pq,
    _HLG: _hlg,
}


def _xyz(value: NDArray[Any]) -> bytes:
    return b"XYZ " + struct.pack(">4x3i", *(round(float(part) * 65536) for part in value))


def _assembled(tags: dict[bytes, bytes], space: bytes) -> bytes:
    """Header, tag table and data; green and blue share red's curve."""
    count = len(tags) + 2 * (b"rTRC" in tags)
    at = 128 + 4 + 12 * count
    entries, data = b"", b""
    for name, value in tags.items():
        names = (b"rTRC", b"gTRC", b"bTRC") if name == b"rTRC" else (name,)
        for each in names:
            entries += each + struct.pack(">II", at + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    body = struct.pack(">I", count) + entries + data
    head = struct.pack(
        ">I4xI4s4s4s12x4s24x", 128 + len(body), 0x02400000, b"mntr", space, b"XYZ ", b"acsp"
    )
    white = struct.pack(">3i", *(round(float(part) * 65536) for part in _D50_XYZ))
    return (head + bytes(4) + white).ljust(128, b"\0") + body


def _chromaticity(profile: bytes, tag: bytes) -> tuple[float, float] | None:
    """X and y of a colorant, None where the profile has none that can be read."""
    try:
        count = struct.unpack_from(">I", profile, 128)[0]
        for n in range(min(count, _MAX_TAGS)):
            name, at = struct.unpack_from(">4sI", profile, 132 + 12 * n)
            if name == tag:
                x, y, z = struct.unpack_from(">3i", profile, at + 8)
                return (x / (x + y + z), y / (x + y + z)) if x + y + z else None
    except struct.error:
        return None
    return None
