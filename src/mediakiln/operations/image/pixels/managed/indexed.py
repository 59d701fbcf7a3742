"""Pictures of so few colours that a palette loses none of them."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.picture import Picture

COLOURS: Final = 256
"""What a palette holds."""
_AT_ONCE: Final = 1 << 16
"""Pixels between looks at how many colours there are: photographs are let go after the first."""
_MOST_PIXELS: Final = 8_000_000
"""Larger pictures are written as they stream, and nobody counts their colours."""
_BANDS: Final = (3, 4)


def worth_a_look(image: Any, opened: "Picture | None") -> bool:
    """Whether the source had a palette that the result could have, too."""
    if opened is None or not opened.header.get_typeof("palette"):
        return False
    small = image.width * image.height <= _MOST_PIXELS
    return small and image.format == "uchar" and image.bands in _BANDS


def few_colours(image: Any) -> bool:
    """Whether an image of 8 bits a channel, red to blue or alpha, fits into a palette."""
    pixels = image.numpy().reshape(-1, image.bands)
    places = 256 ** np.arange(image.bands, dtype=np.uint32)
    seen = np.empty(0, np.uint32)
    for start in range(0, len(pixels), _AT_ONCE):
        numbers = pixels[start : start + _AT_ONCE].astype(np.uint32) @ places
        seen = np.union1d(seen, numbers)
        if len(seen) > COLOURS:
            return False
    return True
