"""What images inside an SVG would cost: they are decoded whole, whatever the drawing's size."""

import binascii
import mmap
import re
from pathlib import Path
from typing import Any, Final

import pyvips

from mediakiln.model.errors import TooManyPixels

MAX_PIXELS: Final = 50_000_000
"""Of all images inside together: each pixel takes some eight bytes while it is drawn."""

_DEPTH: Final = 8
"""Of drawings inside drawings that are looked into."""

_INSIDE: Final = re.compile(
    rb"data:image/([\w.+-]{1,40})(?:;[\w=.+-]{1,40}){0,4};base64,([A-Za-z0-9+/=\s]+)",
    re.IGNORECASE,
)


def check(path: Path, max_pixels: int) -> None:
    """Hold the images inside a drawing against the limit, by their headers.

    What cannot be read of them is left to the one who draws.

    Raises:
        TooManyPixels: they have more than `MAX_PIXELS`, or than `max_pixels`.
    """
    limit = min(MAX_PIXELS, max_pixels)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        pixels = _inside(data, _DEPTH)
    if pixels > limit:
        raise TooManyPixels(
            f"the images inside the drawing have {pixels} pixels; {limit} are allowed",
            limit=limit,
            value=pixels,
            hint="put smaller images into it",
        )


def _inside(drawing: bytes | mmap.mmap, depth: int) -> int:
    return sum(_pixels(kind, packed, depth) for kind, packed in _INSIDE.findall(drawing))


def _pixels(kind: bytes, packed: bytes, depth: int) -> int:
    try:
        data = binascii.a2b_base64(packed)
        if kind.lower().startswith(b"svg"):
            return _inside(data, depth - 1) if depth else 0
        header: Any = pyvips.Image.new_from_buffer(data, "")
    except (pyvips.Error, ValueError):
        return 0
    return int(header.width * header.height)
