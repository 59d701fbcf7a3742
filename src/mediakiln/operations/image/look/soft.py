"""The Gaussian blur."""

import math
from typing import Any, Final

import pyvips

_FINE: Final = 4.0
"""Up to this sigma every pixel is weighed; above, means of squares, of which nothing would be seen
that the blur leaves."""
_SQUARES: Final = 2
"""Of a sigma: how many squares it is wide, at least."""
_LEAST: Final = 0.01
"""Of the middle's weight: what is weighed at all. Libvips' default, a fifth, blurs as little as a
sigma less by a fifth would."""


def blurred(image: Any, sigma: float) -> Any:
    """An image after a Gaussian blur of this sigma, in pixels; of fractions, not yet rounded.

    Libvips' own blur of 8-bit pixels weighs them by whole numbers that do not add up to one: it
    makes white grey, by up to six levels of 255, as the sigma happens to be. And it takes the
    longer, the larger the sigma is.
    """
    if sigma <= _FINE:
        return image.gaussblur(sigma, precision="float", min_ampl=_LEAST)
    side = int(sigma / _SQUARES)
    across, down = (math.ceil(length / side) * side for length in (image.width, image.height))
    small = image.embed(0, 0, across, down, extend="copy").cast("float").shrink(side, side)
    # A mean of n pixels blurs, too: it has a variance of (n^2 - 1) / 12.
    rest = math.sqrt(sigma**2 - (side**2 - 1) / 12) / side
    soft = small.gaussblur(rest, precision="float", min_ampl=_LEAST)
    middle = (side - 1) / 2
    return soft.affine(
        [side, 0, 0, side],
        odx=middle,
        ody=middle,
        oarea=[0, 0, image.width, image.height],
        interpolate=pyvips.Interpolate.new("bicubic"),
        extend="copy",
        premultiplied=True,  # `paint.mixed` sees to that
    )
