"""How sharp and how well exposed an image is, by plain measures of its luma."""

from typing import Final

import numpy as np

from mediakiln.operations.image.facts.small import Pixels

SIDE: Final = 1024
"""Pixels a side that images are measured at, so that scores of large and small ones compare."""
_DARK: Final = 5
_BRIGHT: Final = 250


def scores(luma: Pixels) -> dict[str, float]:
    """Measures of luma values of 0 to 255.

    sharpness: variance of the Laplacian (J. L. Pech-Pacheco et al., "Diatom autofocusing in
    brightfield microscopy", 2000); below about 100 a photograph looks soft.
    brightness: mean, 0 to 1. contrast: standard deviation, 0 to 1.
    shadows, highlights: share of pixels with no detail left at either end.
    """
    inner = luma[1:-1, 1:-1]
    sides = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    laplacian = sides - 4 * inner
    return {
        "sharpness": round(float(laplacian.var()) if laplacian.size else 0.0, 2),
        "brightness": round(float(luma.mean()) / 255, 4),
        "contrast": round(float(luma.std()) / 255, 4),
        "shadows": round(float(np.mean(luma <= _DARK)), 4),
        "highlights": round(float(np.mean(luma >= _BRIGHT)), 4),
    }
