"""How large an image becomes, worked out from its source's size as imgproxy does.

The rules are those of imgproxy 4: without `enlarge` nothing is scaled beyond its source, and what
the density of the screen (`dpr`) multiplies is multiplied by no more than the source allows.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mediakiln.web.derive.imgproxy.options import SIDE, Extend, Options

Size = tuple[int, int]

_QUARTER: Final = 180


@dataclass(frozen=True, slots=True)
class Shape:
    """A source: its width and height in pixels, as it lies before `rotate`."""

    width: int
    height: int
    vector: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """Sizes in pixels; a side that is 0 is not asked for."""

    source: Size
    """What is left to be scaled, after the first crop."""
    scaled: Size
    kept: Size
    """What a crop then leaves."""
    target: Size
    """What `extend` extends to."""
    ratio: Size
    """What `extend_aspect_ratio` extends to."""
    dpr: float
    """By what paddings and offsets are multiplied."""


def matters(options: Options) -> bool:
    """Whether the result's size cannot be said without the source's."""
    if options.trim is not None:
        return False  # what is left to be scaled is only known when it is seen
    sides = bool(options.width) + bool(options.height)
    both, dense = sides == len("wh"), options.dpr != 1 and not options.enlarge
    stretched = options.resizing == "force" and sides and not (both and options.enlarge)
    least = options.min_width or options.min_height  # what is larger for these is then cropped
    placed = any(extend is not None and extend.gravity.focal for extend in _extends(options))
    return bool(
        options.zoom != (1.0, 1.0)
        or stretched
        or placed
        or (options.resizing == "auto" and both)
        or (options.dpr != 1 and not sides)
        or any(side * options.dpr % 1 for side in (options.width, options.height))
        or (sides and least)
        or (dense and (options.resizing != "fit" or _multiplied(options)))
        or max(options.width, options.height) * max(options.dpr, 1) > SIDE
    )


def _extends(options: Options) -> list[Extend | None]:
    return [options.extend, options.extend_ratio]


def _multiplied(options: Options) -> bool:
    """Whether anything but the image's own sides is multiplied by `dpr`."""
    return bool(
        options.extend or options.extend_ratio or any(options.padding) or options.mark is not None
    )


def fitted(options: Options, shape: Shape) -> Fitted:
    """What an image of this shape becomes."""
    source = _cropped(options, shape)
    across, down, dpr = _shrinks(options, source, vector=shape.vector)
    scaled = half_up(source[0] / across), half_up(source[1] / down)
    target = (
        _times(options.width, dpr * options.zoom[0]),
        _times(options.height, dpr * options.zoom[1]),
    )
    kept = _kept(options, scaled, target)
    return Fitted(source, scaled, kept, target, _ratio(options, kept, target), dpr)


def half_up(length: float) -> int:
    """Whole pixels; a half counts up."""
    return math.floor(length + 0.5)


def _times(side: int, factor: float) -> int:
    return half_up(side * factor)


def _cropped(options: Options, shape: Shape) -> Size:
    sides = shape.width, shape.height
    if options.rotate % _QUARTER:
        sides = sides[1], sides[0]
    if options.crop is None:
        return sides
    width, height = (
        _share(side, wanted)
        for side, wanted in zip(sides, (options.crop.width, options.crop.height), strict=True)
    )
    return min(width, sides[0]), min(height, sides[1])


def _share(side: int, wanted: float) -> int:
    if not wanted:
        return side
    return int(wanted) if wanted >= 1 else max(1, half_up(side * wanted))


def _shrinks(options: Options, source: Size, *, vector: bool) -> tuple[float, float, float]:
    """By what width and height are divided, and the density that comes of it."""
    across, down = _boxed(options, source)
    across, down = across / options.zoom[0], down / options.zoom[1]
    dpr = options.dpr
    if not options.enlarge and not vector:
        least = min(across, down)
        if least < 1:
            across, down = across / least, down / least
            if options.extend is None:
                # What is smaller than its box already must not become smaller still.
                dpr /= least
        dpr = min(dpr, across, down)
    if options.min_width and (shrink := source[0] / options.min_width) < across:
        across, down = shrink, down * shrink / across
    if options.min_height and (shrink := source[1] / options.min_height) < down:
        across, down = across * shrink / down, shrink
    return min(across / dpr, source[0]), min(down / dpr, source[1]), dpr


def _boxed(options: Options, source: Size) -> tuple[float, float]:
    """By what each side is divided to fit the box as the resizing type says."""
    box = options.width or source[0], options.height or source[1]
    across, down = source[0] / box[0], source[1] / box[1]
    kind = options.resizing
    if kind == "auto":
        kind = "fill" if (source[0] >= source[1]) == (box[0] >= box[1]) else "fit"
    if kind == "force" or box == source:
        return across, down
    if not options.width:
        return down, down
    if not options.height:
        return across, across
    pick: Callable[[float, float], float] = max if kind == "fit" else min
    return pick(across, down), pick(across, down)


def _kept(options: Options, scaled: Size, target: Size) -> Size:
    if options.resizing == "fill-down" and not options.enlarge and all(target):
        target = _shaped(scaled, target, larger=False)
    return (
        min(scaled[0], target[0] or scaled[0]),
        min(scaled[1], target[1] or scaled[1]),
    )


def _shaped(size: Size, target: Size, *, larger: bool) -> Size:
    """A size of the target's shape: within `size` where that is smaller, or around it."""
    across, down = target[0] / size[0], target[1] / size[1]
    if not larger and max(across, down) <= 1:
        return target
    if across == down:
        return size if larger else target
    if (across > down) != larger:
        return size[0], _times(size[0], target[1] / target[0])
    return _times(size[1], target[0] / target[1]), size[1]


def _ratio(options: Options, kept: Size, target: Size) -> Size:
    if options.extend_ratio is None or not all(target):
        return 0, 0
    return _shaped(kept, target, larger=True)
