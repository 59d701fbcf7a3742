"""Colours as parameters: written by people, kept as #rrggbbaa."""

import re
from typing import Annotated

from pydantic import AfterValidator

_COLOUR = re.compile(r"#?(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
_TRANSPARENT = "#00000000"

OPAQUE = 255
"""The alpha of a colour that hides what is behind it."""


def _colour(text: str) -> str:
    """Write a colour as #rrggbbaa; in addresses, which cannot hold it, the sign may be left out."""
    digits = text.lower()
    if not _COLOUR.fullmatch(digits):
        digits = _named(digits)
    digits = digits.removeprefix("#")
    if len(digits) < len("rrggbb"):
        digits = "".join(digit * 2 for digit in digits)
    return f"#{digits:f<8}"


def _named(name: str) -> str:
    """The colour that CSS calls so."""
    from PIL import ImageColor

    if name == "transparent":
        return _TRANSPARENT
    if name not in ImageColor.colormap:
        raise ValueError(
            "a colour is #rgb, #rgba, #rrggbb, #rrggbbaa (# may be left out), or one of CSS's "
            "names, such as white, navy or transparent"
        )
    return bytes(ImageColor.getrgb(name)).hex()


Colour = Annotated[str, AfterValidator(_colour)]
"""A parameter's type: [#]rgb[a], [#]rrggbb[aa], a name as in CSS; kept as #rrggbbaa."""


def rgba(colour: str) -> tuple[int, int, int, int]:
    """Red, green, blue and alpha, 0 to 255 each, of a `Colour`."""
    red, green, blue, alpha = bytes.fromhex(colour[1:])
    return red, green, blue, alpha
