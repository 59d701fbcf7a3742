"""`image.faces`: find faces that look into the camera."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.formats import ACCEPTS
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

SIDE: Final = 1_280
"""Pixels of the longer side that are looked at; larger images are scaled down to it."""


class FacesParams(Params):
    """image.faces has no parameters."""


@operation(
    "image.faces",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=["application/json"],
    capabilities=OperationCapabilities(
        wall_s=30.0,
        preload=(*NEEDS.preload, "cv2"),
        tools=(*NEEDS.tools, "opencv-python-headless"),
    ),
    version=3,
)
def faces(source: Path, params: FacesParams, out: Path, *, context: Context) -> Iterable[Product]:  # noqa: ARG001 - it has none
    """Find faces that look into the camera.

    Yields `faces.json`: `faces`, a list with the `box` of each, the largest first.

    Raises:
        ModelUnavailable: the library that does it is not installed.
        UnsupportedMedia, EmptyFile, BadMedia: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """
    from mediakiln.operations.image.recognise import finders, found, seen

    things, size = seen.things(source, finders.faces, SIDE, context)
    yield found.write(things, out, "faces", size)
