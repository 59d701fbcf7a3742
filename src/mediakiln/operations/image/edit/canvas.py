"""Cut or pad scaled frames to their canvas."""

from typing import Any

from mediakiln.operations.image.edit.geometry import Layout
from mediakiln.operations.image.edit.resize_params import Fitting
from mediakiln.operations.image.pixels import chain
from mediakiln.operations.image.pixels.colour import OPAQUE, rgba
from mediakiln.operations.image.pixels.edit import Frames

_SALIENT = frozenset({"attention", "entropy"})
_TRANSPARENT = "#00000000"


def onto_canvas(image: Any, size: Layout, params: Fitting) -> Any:
    """Bring every frame of a scaled libvips image to its canvas size."""
    if (size.width, size.height) == (size.canvas_width, size.canvas_height):
        return image
    return chain.joined(placed(chain.split(image), size, params))


def placed(frames: Frames, size: Layout, params: Fitting) -> Frames:
    """Bring scaled frames to their canvas size."""
    if (size.width, size.height) == (size.canvas_width, size.canvas_height):
        return frames
    return [_place(frame, size, params) for frame in frames]


def _place(frame: Any, size: Layout, params: Fitting) -> Any:
    width, height = size.canvas_width, size.canvas_height
    if params.fit == "contain":
        return _pad(frame, width, height, params)
    if params.position in _SALIENT:
        # Looking for the interesting part reads the pixels before the cut reads them again.
        return frame.copy_memory().smartcrop(width, height, interesting=params.position)
    left = _offset(params.position, "west", "east", frame.width - width)
    top = _offset(params.position, "north", "south", size.height - height)
    return frame.extract_area(left, top, width, height)


def _pad(frame: Any, width: int, height: int, params: Fitting) -> Any:
    colour = rgba(params.background or _TRANSPARENT)
    if len(set(colour[:3])) > 1 and frame.interpretation == "b-w":
        frame = frame.colourspace("srgb")
    if colour[3] != OPAQUE and not frame.hasalpha():
        frame = frame.addalpha()
    grey = frame.interpretation == "b-w"
    fill = [*colour[: 1 if grey else 3], *(colour[3:] if frame.hasalpha() else ())]
    return frame.gravity(params.position, width, height, extend="background", background=fill)


def _offset(position: str, low: str, high: str, room: int) -> int:
    if low in position:
        return 0
    return room if high in position else room // 2
