"""The mark of `image.watermark`: an image or words at its size, faint, turned, perhaps tiled."""

import math
import os
import tempfile
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Final

import pyvips

from mediakiln.model.errors import InvalidRecipe
from mediakiln.operations.image.look import layers
from mediakiln.operations.image.pixels import engine, sizes
from mediakiln.operations.image.pixels.colour import rgba
from mediakiln.operations.image.pixels.edit import Scene
from mediakiln.operations.image.shape.lengths import pixels, rounded
from mediakiln.operations.image.shape.placing import inside

if TYPE_CHECKING:
    from mediakiln.operations.image.look.watermark import WatermarkStep

_TRIAL: Final = 64
"""Pixels: the font size by which the one that gives the wanted width is found."""
_POINTS: Final = 72
"""Dots per inch at which a font's points are pixels."""
_HALVINGS: Final = 10
"""Sizes that are tried until lines fit."""
_OUTLINE: Final = 24
"""The part of a font's size that an outline is wide."""
_NO_INK: Final = "no text to render"
"""What libvips says of signs that are blank in their font, such as those of a Braille cell."""


def mark(params: "WatermarkStep", width: int, height: int, scene: Scene) -> Any:
    """The mark on its own transparent ground; unless it may stick out, no larger than the image.

    Raises:
        TooManyPixels, LimitExceeded: it would be larger than any image may be.
        InvalidRecipe: the words are blank in the font.
    """
    if params.text is not None:
        made = _words(params, *_room(params, width, height), scene)
    else:
        made = _image(params, width, height, scene)
    if params.opacity < 1:
        made = layers.fainter(made, params.opacity)
    if params.angle:
        made = made.premultiply().rotate(params.angle, background=[0, 0, 0, 0]).unpremultiply()
        made = made.cast("uchar").copy(interpretation="srgb")
        made = made.copy_memory() if params.overflow else _fitting(made, width, height)
    return made


def placed(made: Any, params: "WatermarkStep", width: int, height: int) -> tuple[Any, int, int]:
    """The mark as a layer, and where its left upper corner comes."""
    if params.tile:
        return _tiled(made, params, width, height), 0, 0
    outer, inner = (width, height), (made.width, made.height)
    left, top = inside(params, params.position, outer, inner, loose=params.overflow)
    return made, left, top


def _room(params: "WatermarkStep", width: int, height: int) -> tuple[int, int]:
    """The box that the mark is fitted into."""
    wide = max(1, rounded(pixels(params.width, width)))
    if params.height is not None:
        tall = max(1, rounded(pixels(params.height, height)))
    else:
        tall = sizes.MAX_SIDE if params.overflow and not params.wrap else height
    return (wide, tall) if params.overflow else (min(wide, width), min(tall, height))


def _image(params: "WatermarkStep", width: int, height: int, scene: Scene) -> Any:
    other = layers.opened(str(params.image), scene)
    own = other.picture.width, other.picture.height
    if params.width != "own":
        room = _room(params, width, height)
    elif params.overflow or (own[0] <= width and own[1] <= height):
        room = own
    else:
        room = width, height
    sizes.check(*other.fitted(*room), scene.context.max_pixels)
    return other.inside(*room)


def _tiled(made: Any, params: "WatermarkStep", width: int, height: int) -> Any:
    gaps = (
        pixels(params.gap, made.width) if params.space_x is None else pixels(params.space_x, width),
        pixels(params.gap, made.height)
        if params.space_y is None
        else pixels(params.space_y, height),
    )
    across = max(1, made.width + rounded(gaps[0]))
    down = max(1, made.height + rounded(gaps[1]))
    tile = made.copy_memory().embed(
        0, 0, across, down, background=[0, 0, 0, 0], extend="background"
    )
    middle = params.position == "centre"
    columns, rows = math.ceil(width / across) + 1, math.ceil(height / down) + 1
    left, top = (
        (rounded(pixels(shift, side)) + ((side - length) // 2 if middle else 0)) % step
        for shift, side, step, length in (
            (params.offset_x, width, across, made.width),
            (params.offset_y, height, down, made.height),
        )
    )
    whole = tile.replicate(columns, rows)
    return whole.crop((across - left) % across, (down - top) % down, width, height)


def _words(params: "WatermarkStep", width: int, height: int, scene: Scene) -> Any:
    if params.wrap:
        sizes.check(width, height, scene.context.max_pixels)
        size = _wrapped_size(params, width, height)
        letters = _letters(params, size, width)
    else:
        trial = _letters(params, _TRIAL)
        scale = min(width / trial.width, height / trial.height)
        fitted = rounded(trial.width * scale), rounded(trial.height * scale)
        sizes.check(*fitted, scene.context.max_pixels)
        size = _TRIAL * scale
        letters = _letters(params, max(1.0, math.floor(size * 10) / 10))
    if params.outline is not None:
        broad = max(1, round(size / _OUTLINE))
        letters = letters.embed(broad, broad, letters.width + 2 * broad, letters.height + 2 * broad)
        wide = letters.rank(2 * broad + 1, 2 * broad + 1, (2 * broad + 1) ** 2 - 1)
        ground = _inked(wide, params.outline)
        made = ground.composite2(_inked(letters, params.text_colour), "over")
    else:
        made = _inked(letters, params.text_colour)
    made = made.cast("uchar").copy(interpretation="srgb")
    return _fitting(made, width, height)


def _wrapped_size(params: "WatermarkStep", width: int, height: int) -> float:
    """The largest size at which the words, in lines no longer than the box, fit into it."""
    small, large = 1.0, float(max(2, height))
    for _ in range(_HALVINGS):
        size = (small + large) / 2
        tried = _letters(params, size, width)
        if tried.width <= width and tried.height <= height:
            small = size
        else:
            large = size
    return small


def _fitting(made: Any, width: int, height: int) -> Any:
    """The mark, made smaller if it is larger than the image."""
    if made.width <= width and made.height <= height:
        return made
    return made.copy_memory().thumbnail_image(width, height=height, size="down")


def _inked(letters: Any, colour: str) -> Any:
    """A mask of letters in a colour."""
    *ink, opacity = rgba(colour)
    ground = letters.new_from_image(ink).copy(interpretation="srgb")
    return ground.bandjoin((letters * (opacity / 255)).cast("uchar"))


def _letters(params: "WatermarkStep", size: float, width: int | None = None) -> Any:
    """The words as a mask: how much of each pixel is covered; in lines of `width`, if given."""
    chosen = (
        {"font": f"{params.font} {size:g}"}
        if params.font
        else {"font": f"Aileron {size:g}", "fontfile": _font_file()}
    )
    lines = {} if width is None else {"width": width, "wrap": "word"}
    # What it takes is Pango's markup: words are only words.
    words = escape(params.text or "", quote=False)
    try:
        return pyvips.Image.text(words, dpi=_POINTS, align="centre", **chosen, **lines)
    except pyvips.Error as error:
        if _NO_INK in str(error):
            raise InvalidRecipe("text shows nothing", field="text") from None
        raise engine.explain(str(error)) from error


@cache
def _font_file() -> str:
    """The font that Pillow carries (Aileron, CC0), as a file for Pango.

    Pango opens it again for each size, and a job's folder is emptied while the process lives on:
    so it has no name there, and stays open.
    """
    from PIL import ImageFont

    font = ImageFont.load_default(_TRIAL)
    descriptor, name = tempfile.mkstemp()
    os.write(descriptor, font.font_bytes)  # type: ignore[union-attr] # FreeType's, given a size
    os.unlink(name)  # noqa: PTH108
    return f"/proc/self/fd/{descriptor}"
