"""Colours onto frames of any kind: grey or not, with alpha or without, 8 or 16 bits."""

from collections.abc import Callable
from typing import Any, Final

import pyvips

from mediakiln.operations.image.pixels.colour import OPAQUE, rgba
from mediakiln.operations.image.pixels.managed import space

_GREY: Final = {"b-w": "srgb", "grey16": "rgb16"}
"""The colour space that a grey frame moves to when a colour is put on it."""
_DEEP: Final = 257
"""What an 8-bit value is multiplied by for 16 bits."""


def ready(frame: Any, colour: str) -> tuple[Any, list[int]]:
    """A frame that can hold the colour, and the colour as one value for each of its bands.

    Grey becomes RGB if the colour is not grey; an alpha band is added if it is not opaque.
    """
    values = rgba(colour)
    if frame.interpretation in _GREY and len(set(values[:3])) > 1:
        frame = frame.colourspace(_GREY[frame.interpretation])
    if values[3] != OPAQUE and not frame.hasalpha():
        frame = frame.addalpha()
    return frame, ink(frame, colour)


def ink(frame: Any, colour: str) -> list[int]:
    """The colour as one value for each band of the frame, in its colour space and on its scale."""
    values = rgba(colour)
    plain = values[:1] if frame.interpretation in _GREY else seen_alike(values[:3], frame)
    scale = _DEEP if frame.format == "ushort" else 1
    return [value * scale for value in (*plain, *(values[3:] if frame.hasalpha() else ()))]


def seen_alike(values: tuple[int, ...], frame: Any) -> tuple[int, ...]:
    """What looks in a frame with a profile as these values of sRGB do, as far as 8 bits go."""
    profile = space.profile_of(frame)
    if profile is None:
        return values
    pixel = pyvips.Image.black(1, 1).new_from_image(values).copy(interpretation="srgb")
    return tuple(map(int, space.seen_alike(pixel.cast("uchar"), profile).getpoint(0, 0)))


def flattened(frame: Any, colour: str) -> Any:
    """The frame laid on an opaque ground of the colour, without alpha."""
    if not frame.hasalpha():
        return frame
    if frame.interpretation in _GREY and len(set(rgba(colour)[:3])) > 1:
        frame = frame.colourspace(_GREY[frame.interpretation])
    return frame.flatten(background=ink(frame, colour)[:-1])


def mixed(frame: Any, change: Callable[[Any], Any]) -> Any:
    """The frame after a change that mixes neighbours; transparent ones lend no colour."""
    kind, space = frame.format, frame.interpretation
    if not frame.hasalpha():
        return change(frame).rint().cast(kind).copy(interpretation=space)
    top = OPAQUE * (_DEEP if kind == "ushort" else 1)
    made = change(frame.premultiply(max_alpha=top)).unpremultiply(max_alpha=top)
    return made.rint().cast(kind).copy(interpretation=space)
