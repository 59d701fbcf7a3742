"""Sizes: from the image's and the box's to how far to scale, what to crop, how far to pad."""

import math
from dataclasses import dataclass, replace

from mediakiln.operations.image.edit.resize_params import Fitting, ResizeParams
from mediakiln.operations.image.pixels import sizes


@dataclass(frozen=True, slots=True)
class Layout:
    """Scale the image to `width` x `height`, then cut or pad it to the canvas; all in pixels."""

    width: int
    height: int
    canvas_width: int
    canvas_height: int


def layouts(params: ResizeParams, width: int, height: int, *, vector: bool) -> dict[str, Layout]:
    """Every product asked for of an upright image of this size, by the stem of its file name."""
    enlarge = params.enlarge or vector
    if not params.widths:
        return {"image": layout(params, width, height, enlarge=enlarge)}
    each = {n: params.model_copy(update={"width": n}) for n in params.widths}
    return {f"w{n}": layout(one, width, height, enlarge=enlarge) for n, one in each.items()}


def layout(params: Fitting, width: int, height: int, *, enlarge: bool) -> Layout:
    """Fit an image of `width` x `height` into the box of the parameters.

    With `enlarge` false, `cover` shrinks its box in proportion until the image covers it;
    every other fit just does not scale up. A least width and height are reached all the same.
    """
    box_w = params.width and params.width * params.dpr
    box_h = params.height and params.height * params.dpr
    least_w = (params.min_width or 0) * params.dpr / width
    least_h = (params.min_height or 0) * params.dpr / height
    least, most = max(least_w, least_h), math.inf if enlarge else 1.0
    if not (box_w and box_h):
        scale = (box_w / width) if box_w else (box_h or height) / height
        return _uncropped(width, height, max(min(scale, most), least))
    across, down = box_w / width, box_h / height
    if params.fit == "fill":
        stretched = (
            _pixels(width * max(min(across, most), least_w)),
            _pixels(height * max(min(down, most), least_h)),
        )
        return Layout(*stretched, *stretched)
    scale = min(across, down) if params.fit in {"inside", "contain"} else max(across, down)
    if params.fit == "cover":
        shrink = min(1.0, most / scale)
        scale *= shrink
        box_w, box_h = box_w * shrink, box_h * shrink
    scaled = _uncropped(width, height, max(min(scale, most), least))
    if params.fit in {"inside", "outside"}:
        return scaled
    if params.fit == "contain" and least > scale:
        box_w, box_h = max(box_w, scaled.width), max(box_h, scaled.height)
    return _on_canvas(scaled, _pixels(box_w), _pixels(box_h), crop=params.fit == "cover")


def check(size: Layout, max_pixels: int, *, frames: int = 1) -> None:
    """Hold a layout against the limits, as `sizes.check` does; what is cut off only by its pixels.

    Raises:
        LimitExceeded, TooManyPixels: with the limit and what was asked for.
    """
    sizes.check_pixels(size.width * size.height * frames, max_pixels, frames)
    sizes.check(size.canvas_width, size.canvas_height, max_pixels, frames=frames)


def _uncropped(width: int, height: int, scale: float) -> Layout:
    scaled = _pixels(width * scale), _pixels(height * scale)
    return Layout(*scaled, *scaled)


def _on_canvas(scaled: Layout, width: int, height: int, *, crop: bool) -> Layout:
    """Rounding may leave a covering image a pixel short, or a contained one a pixel over."""
    pick = max if crop else min
    return replace(
        scaled,
        width=pick(scaled.width, width),
        height=pick(scaled.height, height),
        canvas_width=width,
        canvas_height=height,
    )


def _pixels(length: float) -> int:
    """A half counts up, as in libvips and other image services."""
    return max(1, math.floor(length + 0.5))
