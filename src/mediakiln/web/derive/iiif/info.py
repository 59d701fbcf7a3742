"""info.json: what a viewer must know of an image (IIIF Image API 3.0, section 5)."""

import math
from typing import Any, Final

from mediakiln.web.derive.iiif.grammar import MAX_AREA, MAX_SIDE, Size, most

CONTEXT: Final = "http://iiif.io/api/image/3/context.json"
PROFILE: Final = "http://iiif.io/api/image/3/level2.json"
TILE: Final = 512
"""Pixels of a tile's side."""
_SMALLEST: Final = 64
"""Pixels of the longer side of the smallest size that is offered."""


def information(id: str, width: int, height: int) -> dict[str, Any]:
    """The document about the image that `id`, an absolute address, serves."""
    longest = max(width, height)
    factors = [2**n for n in range(max(0, math.ceil(math.log2(longest / TILE))) + 1)]
    return {
        "@context": CONTEXT,
        "id": id,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level2",
        "width": width,
        "height": height,
        "maxWidth": MAX_SIDE,
        "maxHeight": MAX_SIDE,
        "maxArea": MAX_AREA,
        "sizes": _sizes(width, height),
        "tiles": [{"width": TILE, "height": TILE, "scaleFactors": factors}],
        "preferredFormats": ["webp", "jpg"],
        "extraFormats": ["webp", "gif", "tif"],
        "extraQualities": ["color", "gray", "bitonal"],
        "extraFeatures": [
            "canonicalLinkHeader",
            "mirroring",
            "profileLinkHeader",
            "rotationArbitrary",
            "sizeUpscaling",
        ],
    }


def _sizes(width: int, height: int) -> list[dict[str, int]]:
    """Halves of halves that cost little, the smallest first."""
    found = [most(Size(width, height))]
    while max(found[-1].width, found[-1].height) >= 2 * _SMALLEST:
        last = found[-1]
        found.append(Size(max(1, last.width // 2), max(1, last.height // 2)))
    return [{"width": size.width, "height": size.height} for size in reversed(found)]
