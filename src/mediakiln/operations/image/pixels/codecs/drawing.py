"""What images inside an SVG would cost: they are decoded whole, whatever the drawing's size."""

import binascii
import mmap
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import pyvips

from mediakiln.model.errors import TooManyPixels

MAX_PIXELS: Final = 50_000_000
"""Of all images inside together: each pixel takes some eight bytes while it is drawn."""

_DEPTH: Final = 8
"""Of drawings inside drawings that are looked into."""

_INSIDE: Final = re.compile(
    rb"data:([\w.+/-]{0,80}(?:;[\w=.+-]{1,40}){0,4}),([^\"'<>()]+)", re.IGNORECASE
)
"""A data URL (RFC 2397): its type and its content."""
_NUMBERED: Final = re.compile(rb"&#(?:(\d{1,3})|[xX]([0-9a-fA-F]{1,2}));")
"""A character of XML by its number, of those that URLs are made of."""


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
    if drawing.find(b"&#") >= 0:
        drawing = _NUMBERED.sub(_character, drawing)
    return sum(_pixels(kind.lower(), content, depth) for kind, content in _INSIDE.findall(drawing))


def _character(found: re.Match[bytes]) -> bytes:
    number = int(found[1]) if found[1] else int(found[2], 16)
    return bytes([number]) if number < 0x80 else found[0]  # noqa: PLR2004 - ASCII


def _pixels(kind: bytes, content: bytes, depth: int) -> int:
    try:
        data = unquote_to_bytes(content) if b"%" in content else content
        if kind.endswith(b";base64"):
            data = binascii.a2b_base64(data)
        if kind.startswith(b"image/svg"):
            return _inside(data, depth - 1) if depth else 0
        header: Any = pyvips.Image.new_from_buffer(data, "")
    except (pyvips.Error, ValueError):
        return 0
    return int(header.width * header.height)
