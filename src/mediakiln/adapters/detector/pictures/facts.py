"""What is told of a picture: its sides when it is upright, and how its pixels are stored."""

from mediakiln.adapters.detector.probes.window import found
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

_TURNED = 5
"""From this orientation on, stored rows are upright columns (Exif 3.0, 4.6.5.1.6)."""
_LAST = 8
_MOST = 2**31 - 1
"""Pixels of a side that any format's programs know what to do with."""


def picture(
    media_type: str, width: int = 0, height: int = 0, orientation: int | None = None
) -> Detection:
    """An image of `width` x `height` stored pixels; facts that are not known are left out.

    `orientation` numbers how the stored pixels lie, as EXIF does. The sides that are told are
    those of the upright image.
    """
    if orientation is not None and not 1 <= orientation <= _LAST:
        orientation = None
    if not (0 < width <= _MOST and 0 < height <= _MOST):
        return found(media_type, Kind.IMAGE, orientation=orientation)
    if orientation is not None and orientation >= _TURNED:
        width, height = height, width
    return found(media_type, Kind.IMAGE, width=width, height=height, orientation=orientation)
