"""The arithmetic of `image.adjust`, on colours as they are encoded; alpha stays as it is."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pyvips

from mediakiln.operations.image.look.soft import blurred
from mediakiln.operations.image.pixels.colour import rgba
from mediakiln.operations.image.pixels.edit import Frames
from mediakiln.operations.image.pixels.settle import settled
from mediakiln.operations.image.shape import paint

if TYPE_CHECKING:
    from mediakiln.operations.image.look.adjust import AdjustStep

_COLOURS: Final = 3
_TOP: Final = {"uchar": 255.0, "ushort": 65535.0}
"""White, by the format of the pixels."""
_TAIL: Final = 1
"""Percent of the pixels at either end that `normalised` lets go."""
_SIDE: Final = 1_024
_RED, _GREEN, _BLUE = 0.213, 0.715, 0.072
"""Shares of luminance, as in the matrices of Filter Effects Module Level 1, section 9.6."""
_SHARPEN: Final = {"x1": 2, "y2": 10, "y3": 20, "m1": 0, "m2": 3}


def adjusted(image: Any, params: "AdjustStep") -> Any:
    """One frame after every change but `normalise`."""
    changed = _coloured(image, lambda colours: _toned(colours, params))
    if params.pixelate > 1:
        changed = _pixelated(changed, params.pixelate)
    if params.blur:
        changed = paint.mixed(changed, lambda pixels: blurred(pixels, params.blur))
    if params.sharpen:
        if changed.hasalpha():
            changed = _grown(changed, params.sharpen)
        changed = _coloured(changed, lambda colours: _sharp(colours, params.sharpen))
    return changed


def normalised(frames: Frames) -> Frames:
    """Frames with the first one's tones stretched from black to white."""
    frames = [settled(frame) for frame in frames]
    first, _ = _parted(frames[0])
    small = first.thumbnail_image(_SIDE, height=_SIDE, size="down").colourspace("b-w")
    if small.format != "uchar":
        small = small.cast("uchar", shift=True)
    dark, bright = small.percent(_TAIL), small.percent(100 - _TAIL)
    if bright <= dark:
        return frames
    top = _TOP[first.format]
    scale = 255 / (bright - dark)
    return [
        _coloured(frame, lambda colours: colours.linear(scale, -dark * scale * top / 255).rint())
        for frame in frames
    ]


def _toned(colours: Any, params: "AdjustStep") -> Any:
    top = _TOP[colours.format]
    kind, space = colours.format, colours.interpretation
    if params.gamma != 1.0:
        colours = colours.gamma(exponent=params.gamma).cast(kind)
    if params.brightness or params.contrast:
        light, spread = 1 + params.brightness / 100, 1 + params.contrast / 100
        colours = colours.linear(light * spread, top / 2 * (1 - spread)).rint().cast(kind)
    if colours.bands == _COLOURS and (params.saturation or params.hue):
        matrix = _product(_turned(params.hue), _saturated(1 + params.saturation / 100))
        colours = colours.recomb(pyvips.Image.new_from_array(matrix)).rint().cast(kind)
    colours = colours.copy(interpretation=space)
    if params.threshold is not None:
        grey = _grey(colours)
        return (
            (grey > params.threshold / 100 * top)
            .ifthenelse(top, 0)
            .cast(kind)
            .copy(interpretation=grey.interpretation)
        )
    if params.grayscale:
        return _grey(colours)
    return _duotone(colours, params.duotone) if params.duotone else colours


def _grey(colours: Any) -> Any:
    deep = colours.format == "ushort"
    return colours.colourspace("grey16" if deep else "b-w")


def _duotone(colours: Any, ends: tuple[str, str]) -> Any:
    dark, bright = (paint.seen_alike(rgba(colour)[:3], colours) for colour in ends)
    grey = _grey(colours)
    top = _TOP[grey.format]
    slopes = [(high - low) / 255 for low, high in zip(dark, bright, strict=True)]
    offsets = [low / 255 * top for low in dark]
    three = grey.bandjoin([grey, grey]).linear(slopes, offsets).rint().cast(grey.format)
    return three.copy(interpretation="rgb16" if grey.format == "ushort" else "srgb")


def _sharp(colours: Any, sigma: float) -> Any:
    """Libvips sharpens lightness only, so that edges get no coloured fringes."""
    space, kind = colours.interpretation, colours.format
    return colours.sharpen(sigma=sigma, **_SHARPEN).colourspace(space).cast(kind)


def _grown(image: Any, sigma: float) -> Any:
    """What is transparent, in the colours of what it lies beside: sharpening looks there."""
    around = paint.mixed(image, lambda pixels: pixels.gaussblur(sigma, min_ampl=0.01))
    last = image.bands - 1
    alpha = image.extract_band(last)
    parts = (each.extract_band(0, n=last) for each in (around, image))
    return (alpha == 0).ifthenelse(*parts).bandjoin(alpha)


def _pixelated(image: Any, side: int) -> Any:
    def squares(pixels: Any) -> Any:
        wide = pixels.embed(
            0, 0, _whole(pixels.width, side), _whole(pixels.height, side), extend="copy"
        )
        small = wide.shrink(side, side)
        return small.zoom(side, side).crop(0, 0, image.width, image.height)

    return paint.mixed(image, squares)


def _whole(length: int, side: int) -> int:
    return math.ceil(length / side) * side


def _coloured(image: Any, change: Callable[[Any], Any]) -> Any:
    """A change of the colours alone."""
    colours, alpha = _parted(image)
    changed = change(colours).cast(image.format)
    return changed if alpha is None else changed.bandjoin(alpha)


def _parted(image: Any) -> tuple[Any, Any | None]:
    if not image.hasalpha():
        return image, None
    last = image.bands - 1
    return image.extract_band(0, n=last), image.extract_band(last)


def _saturated(amount: float) -> list[list[float]]:
    rest = 1 - amount
    row = [_RED * rest, _GREEN * rest, _BLUE * rest]
    return [
        [share + (amount if n == band else 0.0) for n, share in enumerate(row)]
        for band in range(_COLOURS)
    ]


def _turned(degrees: float) -> list[list[float]]:
    """Filter Effects Module Level 1, feColorMatrix with type hueRotate."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    luminance = [[_RED, _GREEN, _BLUE]] * 3
    towards = [
        [1 - _RED, -_GREEN, -_BLUE],
        [-_RED, 1 - _GREEN, -_BLUE],
        [-_RED, -_GREEN, 1 - _BLUE],
    ]
    across = [
        [-_RED, -_GREEN, 1 - _BLUE],
        [0.143, 0.140, -0.283],
        [_RED - 1, _GREEN, _BLUE],
    ]
    return [
        [luminance[y][x] + cos * towards[y][x] + sin * across[y][x] for x in range(_COLOURS)]
        for y in range(_COLOURS)
    ]


def _product(one: list[list[float]], other: list[list[float]]) -> list[list[float]]:
    return [
        [sum(one[y][n] * other[n][x] for n in range(_COLOURS)) for x in range(_COLOURS)]
        for y in range(_COLOURS)
    ]
