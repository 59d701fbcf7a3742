"""Short codes of what an image looks like: placeholders, and a hash that survives re-encoding."""

import math
from base64 import b64encode
from typing import Final

import numpy as np

from mediakiln.operations.image.facts.small import Pixels

PERCEPTUAL_SIDE: Final = 32
"""Pixels a side that `perceptual` takes."""
THUMB_SIDE: Final = 100
"""Pixels that a ThumbHash is made of at most, a side."""
_LOW: Final = 8
_DIGITS: Final = 6
"""Of frequencies: what is less comes of arithmetic, and would say otherwise on other machines."""


def perceptual(luma: Pixels) -> str:
    """A 64-bit perceptual hash of 32 x 32 luma values, as 16 hexadecimal digits.

    The DCT hash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash
    Functions" (2010): the signs of the 64 lowest frequencies against their median. Renditions
    of one image differ in few bits; unrelated images in about half.
    """
    basis = _cosines(PERCEPTUAL_SIDE, _LOW)
    low = (basis @ luma @ basis.T).ravel().round(_DIGITS)
    bits = low > np.median(low[1:])
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def blur(pixels: Pixels, across: int, down: int) -> str:
    """A BlurHash (github.com/woltapp/blurhash) of RGBA pixels, shown on white."""
    import blurhash

    alpha = pixels[:, :, 3:].astype(float) / 255
    shown = pixels[:, :, :3].astype(float) * alpha + 255 * (1 - alpha)
    return str(blurhash.encode(np.rint(shown).astype(int).tolist(), across, down))


def thumb(pixels: Pixels) -> str:
    """A ThumbHash of RGBA pixels of at most 100 x 100, in base64.

    As github.com/evanw/thumbhash publishes it: colour and shape of a blurred image with its
    proportions and transparency, in about 25 bytes.
    """
    height, width = pixels.shape[:2]
    alpha = pixels[:, :, 3] / 255
    total = alpha.sum()
    mean = (pixels[:, :, :3] * alpha[:, :, None]).sum(axis=(0, 1)) / 255 / max(total, 1e-9)
    shown = mean * (1 - alpha[:, :, None]) + alpha[:, :, None] * pixels[:, :, :3] / 255
    red, green, blue = shown[:, :, 0], shown[:, :, 1], shown[:, :, 2]
    clear = bool(total < width * height)
    longest = 5 if clear else 7
    across = max(1, _half_up(longest * width / max(width, height)))
    down = max(1, _half_up(longest * height / max(width, height)))
    light = _Channel((red + green + blue) / 3, max(3, across), max(3, down))
    yellow = _Channel((red + green) / 2 - blue, 3, 3)
    orange = _Channel(red - green, 3, 3)
    opacity = _Channel(alpha, 5, 5) if clear else None

    landscape = width > height
    first = (
        _half_up(63 * light.dc)
        | _half_up(31.5 + 31.5 * yellow.dc) << 6
        | _half_up(31.5 + 31.5 * orange.dc) << 12
        | _half_up(31 * light.scale) << 18
        | clear << 23
    )
    then = (
        (down if landscape else across)
        | _half_up(63 * yellow.scale) << 3
        | _half_up(63 * orange.scale) << 9
        | landscape << 15
    )
    code = bytearray(first.to_bytes(3, "little") + then.to_bytes(2, "little"))
    channels = [light, yellow, orange]
    if opacity is not None:
        code.append(_half_up(15 * opacity.dc) | _half_up(15 * opacity.scale) << 4)
        channels.append(opacity)
    waves = [_half_up(15 * wave) for channel in channels for wave in channel.ac]
    waves += [0] * (len(waves) % 2)
    code += bytes(low | high << 4 for low, high in zip(waves[::2], waves[1::2], strict=True))
    return b64encode(code).decode("ascii")


class _Channel:
    """A channel's average, its waves below a diagonal, in 0 to 1, and their scale."""

    def __init__(self, values: Pixels, across: int, down: int) -> None:
        height, width = values.shape
        waves = _waves(height, down) @ values @ _waves(width, across).T / (width * height)
        kept = [
            float(waves[y, x])
            for y in range(down)
            for x in range(across)
            if x * down < across * (down - y) and (x or y)
        ]
        self.dc = float(waves[0, 0])
        scale = max((abs(wave) for wave in kept), default=0.0)
        self.scale = scale if round(scale, _DIGITS) else 0.0
        self.ac = [0.5 + 0.5 / self.scale * wave if self.scale else 0.0 for wave in kept]


def _waves(size: int, count: int) -> Pixels:
    """`count` cosines sampled at the middles of `size` pixels."""
    middles = np.arange(size) + 0.5
    return np.cos(np.pi / size * np.arange(count)[:, None] * middles[None, :])


def _cosines(size: int, count: int) -> Pixels:
    """The first rows of the orthonormal DCT-II matrix."""
    rows = _waves(size, count) * math.sqrt(2 / size)
    rows[0] /= math.sqrt(2)
    return rows


def _half_up(value: float) -> int:
    return math.floor(value + 0.5)
