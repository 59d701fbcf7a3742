"""Find the part of an image that is worth keeping."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mediakiln.operations.image.pixels.edit import Scene

Size = tuple[int, int]
Find = Callable[[Any, Size, Scene], Size]
"""Takes a settled libvips image, and the (width, height) of the window to cut from it; gives the
window's left and top. It may be asked about a smaller still than the image that is then cut."""


@dataclass(frozen=True, slots=True)
class Finder:
    """One way to look for the part that is kept."""

    find: Find
    side: int
    """Pixels: the longer side of the still that it looks at, unless the image is smaller."""


def look(position: str, width: int, height: int) -> Size:
    """The size of the still to look at, of an image of this size."""
    scale = min(1.0, FINDERS[position].side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def find(still: Any, whole: Size, window: Size, position: str, scene: Scene) -> Size:
    """The left and top of the window in an image of the size `whole`, of which `still` is a still.

    Raises:
        pyvips.Error: the pixels are damaged.
    """
    across, down = still.width / whole[0], still.height / whole[1]
    small = (
        min(max(1, round(window[0] * across)), still.width),
        min(max(1, round(window[1] * down)), still.height),
    )
    left, top = FINDERS[position].find(still, small, scene)
    return (
        min(max(round(left / across), 0), whole[0] - window[0]),
        min(max(round(top / down), 0), whole[1] - window[1]),
    )


def found(frame: Any, window: Size, position: str, scene: Scene) -> Size:
    """The left and top of the window in a settled frame."""
    size = look(position, frame.width, frame.height)
    still = frame
    if size != (frame.width, frame.height):
        still = frame.thumbnail_image(size[0], height=size[1], size="force").copy_memory()
    return find(still, (frame.width, frame.height), window, position, scene)


def _salient(interesting: str, still: Any, window: Size, _: Scene) -> Size:
    """Libvips' own: attention looks for edges, skin and saturated colours; entropy for detail."""
    cut = still.smartcrop(*window, interesting=interesting)
    return -cut.xoffset, -cut.yoffset


def _faces(still: Any, window: Size, scene: Scene) -> Size:
    """Around the middle of all faces, large ones counting more; where there is none, attention.

    Raises:
        ModelUnavailable: OpenCV is not installed.
    """
    from mediakiln.operations.image.recognise import finders, seen

    boxes = [face.box for face in finders.faces(seen.rgb(still))]
    if not boxes:
        return _salient("attention", still, window, scene)
    whole = sum(box.width * box.height for box in boxes)
    across = sum((box.left + box.width / 2) * box.width * box.height for box in boxes) / whole
    down = sum((box.top + box.height / 2) * box.width * box.height for box in boxes) / whole
    return round(across - window[0] / 2), round(down - window[1] / 2)


FINDERS: Final[Mapping[str, Finder]] = {
    "attention": Finder(partial(_salient, "attention"), 640),
    "entropy": Finder(partial(_salient, "entropy"), 640),
    "faces": Finder(_faces, 1280),
}
"""How each position is found that names no place. A finder that is added here is offered once its
name is in `placing.Position` and `placing.SALIENT`."""
