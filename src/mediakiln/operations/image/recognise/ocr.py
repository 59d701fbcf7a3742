"""`image.ocr`: read the text in an image, with the place of every line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import Field

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.formats import ACCEPTS
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

SIDE: Final = 2_000
"""Pixels of the longer side that are looked at; larger images are scaled down to it."""


class OcrParams(Params):
    """How sure a line must be."""

    least_confidence: float = Field(
        default=0.5, ge=0.0, le=1.0, description="Lines read with less confidence are left out."
    )


@operation(
    "image.ocr",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=["application/json", "text/plain"],
    capabilities=OperationCapabilities(
        wall_s=120.0,
        memory_mb=3072,
        heavy=True,
        # Without models: these are loaded by a library that starts threads.
        preload=(*NEEDS.preload, "rapidocr.main"),
        tools=(*NEEDS.tools, "rapidocr", "onnxruntime"),
    ),
    version=3,
)
def ocr(source: Path, params: OcrParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Read the text in an image, with the place of every line.

    Yields `text.json` (`text`, a list of lines with their `box`, `text` and `confidence`) and
    `text.txt`, the lines alone. The models read Latin and Chinese writing; some accented
    letters are lost.

    Raises:
        ModelUnavailable: the library that does it is not installed.
        UnsupportedMedia, EmptyFile, BadMedia: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """
    from mediakiln.operations.image.recognise import finders, found, reused, seen

    with reused.memory():
        lines, size = seen.things(source, finders.text, SIDE, context)
    sure = [line for line in lines if (line.confidence or 0.0) >= params.least_confidence]
    yield found.write(sure, out, "text", size)
    plain = "\n".join(line.text or "" for line in sure)
    (out / "text.txt").write_text(plain, encoding="utf-8")
    yield Product(file="text.txt", media_type="text/plain", metadata={"characters": len(plain)})
