"""`image.palette`: the colours that an image is made of."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.formats import ACCEPTS
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, Params, operation

if TYPE_CHECKING:
    from mediakiln.operations.image.facts.small import Pixels

_SIDE: Final = 160
_HALF_CLEAR: Final = 128
_REFINEMENTS: Final = 3


class PaletteParams(Params):
    """How many colours."""

    colours: int = Field(
        default=6, ge=1, le=32, description="Colours at most; an image may have fewer."
    )


@operation(
    "image.palette",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=["application/json"],
    capabilities=NEEDS,
    version=2,
)
def palette(
    source: Path, params: PaletteParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """The image's main colours with the share of each, and its average colour.

    Yields `palette.json`: `colours`, a list of `hex` and `share` (of the pixels that are not
    mostly transparent) from the most frequent on; `dominant`; `average`.

    Raises:
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """
    from mediakiln.operations.image.facts import small

    pixels = small.rgba(small.opened(source, context), _SIDE)
    found = _palette(pixels[pixels[:, :, 3] >= _HALF_CLEAR][:, :3], params.colours)
    (out / "palette.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
    yield Product(file="palette.json", media_type="application/json", metadata=found)


def _palette(opaque: "Pixels", count: int) -> dict[str, Any]:
    """By median cut, then k-means: few colours, each of a real group of pixels."""
    import numpy as np
    from PIL import Image

    if not len(opaque):
        return {"dominant": None, "average": None, "colours": []}
    strip = Image.fromarray(opaque[None, :, :], "RGB")
    reduced = strip.quantize(count, Image.Quantize.MEDIANCUT, kmeans=_REFINEMENTS)
    table = reduced.getpalette() or []
    counts = np.bincount(np.asarray(reduced).ravel())
    found = sorted(((int(times), n) for n, times in enumerate(counts) if times), reverse=True)
    colours = [
        {"hex": _hex(table[3 * n : 3 * n + 3]), "share": round(times / len(opaque), 4)}
        for times, n in found
    ]
    average = opaque.mean(axis=0).round().astype(int).tolist()
    return {"dominant": colours[0]["hex"], "average": _hex(average), "colours": colours}


def _hex(channels: list[int]) -> str:
    return "#" + bytes(channels).hex()
