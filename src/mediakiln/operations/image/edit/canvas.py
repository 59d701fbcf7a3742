"""Cut or pad scaled frames to their canvas."""

from typing import Any, Final

from mediakiln.operations.image.edit.geometry import Layout
from mediakiln.operations.image.edit.resize_params import Fitting
from mediakiln.operations.image.pixels import chain
from mediakiln.operations.image.pixels.edit import Frames, Scene
from mediakiln.operations.image.pixels.settle import settled
from mediakiln.operations.image.shape import focus, paint
from mediakiln.operations.image.shape.placing import SALIENT, inside

_CLEAR: Final = "#00000000"


def onto_canvas(image: Any, size: Layout, params: Fitting, scene: Scene) -> Any:
    """Bring every frame of a scaled libvips image to its canvas size."""
    if (size.width, size.height) == (size.canvas_width, size.canvas_height):
        return image
    return chain.joined(placed(chain.split(image), size, params, scene))


def placed(frames: Frames, size: Layout, params: Fitting, scene: Scene) -> Frames:
    """Bring scaled frames to their canvas size, all in the same place."""
    canvas = size.canvas_width, size.canvas_height
    if (size.width, size.height) == canvas:
        return frames
    if params.fit == "contain":
        return [_pad(frame, canvas, params) for frame in frames]
    if params.position in SALIENT and not params.focused:
        # Looking for the interesting part reads the pixels before the cut reads them again.
        frames = [settled(frame) for frame in frames]
        left, top = focus.found(frames[0], canvas, params.position, scene)
    else:
        left, top = inside(params, params.position, (size.width, size.height), canvas)
    return [frame.extract_area(left, top, *canvas) for frame in frames]


def _pad(frame: Any, canvas: tuple[int, int], params: Fitting) -> Any:
    frame, ink = paint.ready(frame, params.background or _CLEAR)
    left, top = inside(params, params.position, canvas, (frame.width, frame.height))
    return frame.embed(left, top, *canvas, extend="background", background=ink)
