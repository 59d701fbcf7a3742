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
_FINE: Final = 64
"""Groups before merging."""


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
    version=3,
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
    """Fine groups by median cut, merged until so few are left.

    Median cut alone spends its groups on the shades of what there is most of, and gives small
    things of unlike colours one group, whose colour is nowhere in the image.
    """
    import numpy as np
    from PIL import Image

    if not len(opaque):
        return {"dominant": None, "average": None, "colours": []}
    strip = Image.fromarray(opaque[None, :, :], "RGB")
    reduced = strip.quantize(_FINE, Image.Quantize.MEDIANCUT)
    groups = np.asarray(reduced).ravel()
    counts = np.bincount(groups, minlength=_FINE).astype(float)
    sums = np.stack(
        [np.bincount(groups, opaque[:, band], len(counts)) for band in range(3)], axis=1
    )
    used = counts > 0
    means, counts = _merged(sums[used] / counts[used, None], counts[used], count)
    order = np.argsort(-counts, kind="stable")
    colours = [
        {"hex": _hex(means[n]), "share": round(float(counts[n]) / len(opaque), 4)} for n in order
    ]
    average = _hex(opaque.mean(axis=0))
    return {"dominant": colours[0]["hex"], "average": average, "colours": colours}


def _merged(means: "Pixels", counts: "Pixels", most: int) -> tuple["Pixels", "Pixels"]:
    """Merge, by Ward's rule, the two groups whose pixels differ least, until `most` are left."""
    import numpy as np

    while len(means) > most:
        apart = ((means[:, None, :] - means[None, :, :]) ** 2).sum(axis=2)
        cost = apart * (counts[:, None] * counts[None, :] / (counts[:, None] + counts[None, :]))
        np.fill_diagonal(cost, np.inf)
        one, other = divmod(int(cost.argmin()), len(means))
        both = counts[one] + counts[other]
        means[one] = (means[one] * counts[one] + means[other] * counts[other]) / both
        counts[one] = both
        means, counts = np.delete(means, other, axis=0), np.delete(counts, other)
    return means, counts


def _hex(channels: "Pixels") -> str:
    return "#" + bytes(round(float(value)) for value in channels).hex()
