"""Borders and round corners."""

from typing import Any, Literal

import pyvips

from mediakiln.operations.image.pixels.colour import OPAQUE
from mediakiln.operations.image.shape import paint

Radius = int | Literal["max"]


def framed(frame: Any, border: int, colour: str, radius: Radius) -> Any:
    """The frame with a border of so many pixels around it, which follows the round corners."""
    frame, ink = paint.ready(frame, colour)
    width, height = frame.width, frame.height
    inner = max(0.0, _radius(radius, width + 2 * border, height + 2 * border) - border)
    if inner:
        frame = _mask(width, height, inner).ifthenelse(frame, ink, blend=True)
    return frame.embed(
        border, border, width + 2 * border, height + 2 * border, extend="background", background=ink
    )


def rounded(frame: Any, radius: Radius) -> Any:
    """The frame with its corners transparent outside of quarter circles."""
    frame = frame if frame.hasalpha() else frame.addalpha()
    mask = _mask(frame.width, frame.height, _radius(radius, frame.width, frame.height))
    colours, alpha = frame[: frame.bands - 1], frame[frame.bands - 1]
    softened = (alpha * mask / OPAQUE).rint().cast(frame.format)
    return colours.bandjoin(softened).copy(interpretation=frame.interpretation)


def _radius(radius: Radius, width: int, height: int) -> float:
    """In pixels; no greater than half the shorter side."""
    greatest = min(width, height) / 2
    return greatest if radius == "max" else min(float(radius), greatest)


def _mask(width: int, height: int, radius: float) -> Any:
    """255 inside a rectangle with round corners, 0 outside, soft over the pixel on its outline.

    By the signed distance of each pixel's centre from the outline, in pixels.
    """
    distance = pyvips.Image.sdf(
        width,
        height,
        "rounded-box",
        a=[-0.5, -0.5],
        b=[width - 0.5, height - 0.5],
        corners=[radius] * 4,
    )
    return ((0.5 - distance) * OPAQUE).rint().cast("uchar")
