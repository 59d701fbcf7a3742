"""Small pixels of an image, for measures that need no more."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.picture import Picture, open_picture
from mediakiln.ports.operation import Context

Pixels = npt.NDArray[Any]
_GREY_BANDS = 2


def opened(path: Path, context: Context) -> Picture:
    """The image, its header held against the limits, nothing decoded.

    Raises:
        EmptyFile, UnsupportedMedia, BadMedia, ModelUnavailable: it cannot be read.
        TooManyPixels, LimitExceeded: it is larger than the context allows.
    """
    engine.setup(context.threads)
    return open_picture(path, context)


def rgba(picture: Picture, side: int) -> Pixels:
    """The first frame inside `side` x `side`, as height x width x 4 bytes: red to alpha.

    Raises:
        BadMedia: its pixels cannot be decoded.
    """
    scale = min(1.0, side / max(picture.width, picture.height))
    width, height = (max(1, round(length * scale)) for length in (picture.width, picture.height))
    with engine.translated():
        image = picture.scaled(width, height, frames=False)
        # Shaped here, since pyvips leaves out dimensions of grey images, and of a single pixel.
        bands = image.bands
        pixels: Pixels = image.numpy().reshape(height, width, bands)
    if bands <= _GREY_BANDS:
        pixels = np.concatenate([pixels[:, :, :1]] * 3 + [pixels[:, :, 1:]], axis=2)
    if not picture.alpha:
        opaque = np.full((*pixels.shape[:2], 1), 255, dtype=np.uint8)
        pixels = np.concatenate([pixels[:, :, :3], opaque], axis=2)
    return pixels


def resampled(pixels: Pixels, width: int, height: int | None = None) -> Pixels:
    """RGBA pixels at another size; inside a square of `width` where no height is given."""
    from PIL import Image

    image = Image.fromarray(pixels, "RGBA")
    if height is None:
        image.thumbnail((width, width), Image.Resampling.BOX)
    else:
        image = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(image)


def luma(pixels: Pixels) -> Pixels:
    """Luma, 0 to 255, by the weights of ITU-R BT.601; transparency shows white behind it."""
    colour = pixels[:, :, :3].astype(float)
    alpha = pixels[:, :, 3:].astype(float) / 255
    shown = colour * alpha + 255 * (1 - alpha)
    weighed: Pixels = shown @ np.array([0.299, 0.587, 0.114])
    return weighed
