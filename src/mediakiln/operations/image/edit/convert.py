"""`image.convert`: another encoding, and nothing else."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import ACCEPTS, MEDIA_TYPES
from mediakiln.operations.image.pixels.managed.target import DEEP
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, operation

_DEPTHS: Final[dict[int, set[str]]] = {10: {"avif"}, 12: {"avif"}, 16: {"png", "tiff"}}


class ConvertParams(Encoding):
    """How the image is encoded."""

    depth: Literal[8, 10, 12, 16, "source"] = Field(
        default=8,
        description="Bits a channel: 8; 16 in PNG and TIFF; 10 or 12 in AVIF. source: as many as "
        "the source has, where the result can hold them, else 8.",
    )

    @model_validator(mode="after")
    def _the_format_is_so_deep(self) -> Self:
        if self.depth == "source":
            return self
        if self.depth in _DEPTHS and self.format not in _DEPTHS[self.depth]:
            formats = " or ".join(sorted(_DEPTHS[self.depth]))
            raise ValueError(f"depth {self.depth} needs format {formats}")
        shallow = self.colours or self.quality is not None or self.max_bytes
        if self.depth == DEEP and shallow:
            raise ValueError(
                "palettes, and JPEG in TIFF, have 8 bits: leave quality and colours out"
            )
        return self


@operation(
    "image.convert",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    capabilities=NEEDS,
    version=4,
)
def convert(
    source: Path, params: ConvertParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Encode an image anew, upright, with the colours and the metadata that are asked for.

    Yields `image.{ext}`.

    Raises:
        TooManyPixels, LimitExceeded: the source is larger than allowed, or its smallest encoding
            is larger than the byte budget.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    bits = None if params.depth == "source" else params.depth
    yield chain.rendered(source, (), params, out, context=context, bits=bits)
