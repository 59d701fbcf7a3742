"""`image.hash`: BlurHash, ThumbHash and a perceptual hash."""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.formats import ACCEPTS
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, Params, operation

_BLUR_SIDE = 64


class HashParams(Params):
    """How fine the BlurHash is."""

    blurhash_x: int = Field(
        default=4, ge=1, le=9, description="Components of the BlurHash from left to right."
    )
    blurhash_y: int = Field(
        default=3, ge=1, le=9, description="Components of the BlurHash from top to bottom."
    )


@operation(
    "image.hash",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=["application/json"],
    capabilities=NEEDS,
    version=4,
)
def image_hash(
    source: Path, params: HashParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Placeholders to show while an image loads, and a hash that finds its look-alikes.

    Yields `hash.json`: `blurhash`, `thumbhash` (base64) and `phash` (64 bits in hexadecimal;
    copies of one image differ in few bits).

    Raises:
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """
    from mediakiln.operations.image.facts import hashes, small

    picture = small.opened(source, context)
    pixels = small.rgba(picture, hashes.THUMB_SIDE)
    side = hashes.PERCEPTUAL_SIDE
    found = {
        "blurhash": hashes.blur(
            pixels if max(pixels.shape) <= _BLUR_SIDE else small.resampled(pixels, _BLUR_SIDE),
            params.blurhash_x,
            params.blurhash_y,
        ),
        "thumbhash": hashes.thumb(pixels),
        "phash": hashes.perceptual(small.luma(small.resampled(pixels, side, side))),
    }
    (out / "hash.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
    yield Product(file="hash.json", media_type="application/json", metadata=found)
