"""`image.pad`: padding, canvas, border and round corners."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.edit import Edit, Frames, Scene, Step
from mediakiln.operations.image.pixels.formats import ACCEPTS, MEDIA_TYPES
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.operations.image.pixels.parts.box import Box
from mediakiln.operations.image.shape.lengths import quotient
from mediakiln.operations.image.shape.pad_params import PadParams, PadStep
from mediakiln.operations.image.shape.placing import inside
from mediakiln.ports.operation import Context, operation

_CLEAR: Final = "#00000000"
_WHITE: Final = "#ffffffff"
_NEAR: Final = 1e-9
"""Of a pixel: what arithmetic adds to a whole number must not add a pixel."""


@operation(
    "image.pad",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    capabilities=NEEDS,
    version=4,
)
def pad(source: Path, params: PadParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Put padding, a canvas, a border and round corners around an image.

    Yields `image.{ext}`.

    Raises:
        TooManyPixels, LimitExceeded: the source, or the result, is larger than allowed.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    yield chain.rendered(source, [Step(PAD, params)], params, out, context=context)


def laid_out(params: PadStep, width: int, height: int) -> tuple[int, int, Box]:
    """Width and height of the canvas without its border, and where the image lies on it."""
    top, right, bottom, left = (
        params.padding if side is None else side
        for side in (params.top, params.right, params.bottom, params.left)
    )
    padded = width + left + right, height + top + bottom
    across, down = max(padded[0], params.width or 0), max(padded[1], params.height or 0)
    if params.ratio is not None:
        shape = quotient(params.ratio)
        across, down = (
            max(across, math.ceil(down * shape - _NEAR)),
            max(down, math.ceil(across / shape - _NEAR)),
        )
    x, y = inside(params, params.position, (across, down), padded)
    return across, down, Box(x + left, y + top, width, height)


def _apply(frames: Frames, params: PadStep, scene: Scene) -> Frames:
    from mediakiln.operations.image.pixels import sizes

    first = frames[0]
    width, height, box = laid_out(params, first.width, first.height)
    sizes.check(
        width + 2 * params.border,
        height + 2 * params.border,
        scene.context.max_pixels,
        frames=len(frames),
    )
    return [_padded(frame, params, (width, height), box) for frame in frames]


def _padded(frame: Any, params: PadStep, canvas: tuple[int, int], box: Box) -> Any:
    from mediakiln.operations.image.shape import corners, paint

    if params.flatten:
        frame = paint.flattened(frame, params.background or _WHITE)
    if canvas != (frame.width, frame.height):
        frame, ink = paint.ready(frame, params.background or _CLEAR)
        frame = frame.embed(box.left, box.top, *canvas, extend="background", background=ink)
    if params.border:
        frame = corners.framed(frame, params.border, params.border_colour, params.radius)
    return corners.rounded(frame, params.radius) if params.radius else frame


PAD = Edit("image.pad", PadStep, _apply)
