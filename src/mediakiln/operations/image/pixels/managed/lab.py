"""TIFF of CIE L*a*b* in 8 bits, which libvips 8.18 writes but does not read."""

import mmap
import struct
from pathlib import Path
from typing import Any, Final

from mediakiln.operations.image.pixels.managed.target import DEEP
from mediakiln.operations.image.pixels.meta.modest import modest

_ENTRY: Final = 12
_CLASSIC: Final = 42
_BITS, _PHOTOMETRIC = 258, 262
_CIELAB: Final = 8
_CHANNELS: Final = 3
_LIGHTNESS: Final = 100 / 255
"""What a code of it is worth."""


def packed(path: Path) -> bool:
    """Whether the first page of a TIFF is such a picture, without transparency (section 23)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        order = "<" if data[:2] == b"II" else ">"
        try:
            version, place = struct.unpack_from(f"{order}HI", data, 2)
            if version != _CLASSIC:
                return False
            said = _entries(data, order, place)
            (meaning,) = struct.unpack_from(f"{order}H", said.get(_PHOTOMETRIC, bytes(8)), 4)
            count, at = struct.unpack(f"{order}II", said.get(_BITS, bytes(8)))
            if meaning != _CIELAB or count != _CHANNELS:
                return False
            return struct.unpack_from(f"{order}3H", data, at) == (8, 8, 8) and modest(data)
        except struct.error:
            return False


def unpacked(codes: Any) -> Any:
    """Display P3 of 16 bits, of a libvips image of codes; those of a* and b* are signed.

    Their white is D50, as in libtiff's conversion and the programs that write such files.
    """
    lightness, *chroma = codes.bandsplit()
    colours = (lightness * _LIGHTNESS).bandjoin([each.copy(format="char") for each in chroma])
    colours = colours.cast("float").copy(interpretation="lab")
    return colours.icc_export(output_profile="p3", depth=DEEP)


def _entries(data: mmap.mmap, order: str, place: int) -> dict[int, bytes]:
    """Count and value of a directory's entries, by their tags (section 2)."""
    (number,) = struct.unpack_from(f"{order}H", data, place)
    whole = data[place + 2 : place + 2 + number * _ENTRY]
    each = (whole[at : at + _ENTRY] for at in range(0, len(whole), _ENTRY))
    return {struct.unpack_from(f"{order}H", entry)[0]: entry[4:] for entry in each}
