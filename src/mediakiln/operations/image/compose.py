"""Cut or pad scaled frames to their canvas, and put a colour behind transparency."""

from typing import Any

import pyvips

from mediakiln.operations.image.geometry import Layout
from mediakiln.operations.image.params import ResizeParams

_SALIENT = frozenset({"attention", "entropy"})
_OPAQUE_WHITE = (255, 255, 255, 255)
_TRANSPARENT = (0, 0, 0, 0)


def onto_canvas(image: Any, size: Layout, params: ResizeParams) -> Any:
    """Bring every frame of a scaled libvips image to its canvas size."""
    if (size.width, size.height) == (size.canvas_width, size.canvas_height):
        return image
    frames = image.get_n_pages() if image.height > size.height else 1
    if frames == 1:
        return _place(image, size, params)
    # Stacked frames must be cut one by one, and a stream can be read only once.
    stack = image.copy_memory()
    placed = [_place(frame, size, params) for frame in stack.pagesplit()]
    joined = pyvips.Image.arrayjoin(placed, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", size.canvas_height)
    return joined


def flattened(image: Any, params: ResizeParams) -> Any:
    """Replace transparency by the background colour, for formats that have none."""
    if not image.hasalpha():
        return image
    return image.flatten(background=list(_background(params, opaque=True)[:3]))


def _place(frame: Any, size: Layout, params: ResizeParams) -> Any:
    width, height = size.canvas_width, size.canvas_height
    if params.fit == "contain":
        return _pad(frame, width, height, params)
    if params.position in _SALIENT:
        # Looking for the interesting part reads the pixels before the cut reads them again.
        return frame.copy_memory().smartcrop(width, height, interesting=params.position)
    left = _offset(params.position, "west", "east", frame.width - width)
    top = _offset(params.position, "north", "south", size.height - height)
    return frame.extract_area(left, top, width, height)


def _pad(frame: Any, width: int, height: int, params: ResizeParams) -> Any:
    colour = _background(params, opaque=False)
    if len(set(colour[:3])) > 1 and frame.interpretation == "b-w":
        frame = frame.colourspace("srgb")
    if colour != _opaque(colour) and not frame.hasalpha():
        frame = frame.addalpha()
    grey = frame.interpretation == "b-w"
    fill = [*colour[: 1 if grey else 3], *(colour[3:] if frame.hasalpha() else ())]
    return frame.gravity(params.position, width, height, extend="background", background=fill)


def _background(params: ResizeParams, *, opaque: bool) -> tuple[int, ...]:
    if params.background is None:
        return _OPAQUE_WHITE if opaque else _TRANSPARENT
    return tuple(bytes.fromhex(params.background[1:]))


def _opaque(colour: tuple[int, ...]) -> tuple[int, ...]:
    return (*colour[:3], 255)


def _offset(position: str, low: str, high: str, room: int) -> int:
    if low in position:
        return 0
    return room if high in position else room // 2
