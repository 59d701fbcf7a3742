"""`image.codes`: read QR codes, bar codes and other codes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.formats import ACCEPTS
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

SIDE: Final = 3_000
"""Pixels of the longer side that are looked at; larger images are scaled down to it."""


class CodesParams(Params):
    """image.codes has no parameters."""


@operation(
    "image.codes",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=["application/json"],
    version=5,
    capabilities=OperationCapabilities(
        wall_s=30.0,
        preload=(*NEEDS.preload, "zxingcpp"),
        tools=(*NEEDS.tools, "zxing-cpp"),
    ),
)
def codes(source: Path, params: CodesParams, out: Path, *, context: Context) -> Iterable[Product]:  # noqa: ARG001 - it has none
    """Read QR codes, bar codes and other codes.

    Yields `codes.json`: `codes`, a list with the `text`, `format` (QRCode, EAN13, …) and `box`
    of each.

    Raises:
        ModelUnavailable: the library that does it is not installed.
        UnsupportedMedia, EmptyFile, BadMedia: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """
    from mediakiln.operations.image.recognise import finders, found, seen

    things, size = seen.things(source, finders.codes, SIDE, context)
    yield found.write(things, out, "codes", size)
