"""Planes of luma and chroma turned into RGB, to the last bit as libheif does it.

Colours of a file would differ by its size if this differed. libheif repeats chroma, rounds
coefficients to 1/256 where chroma is halved both ways and the range is full, and calculates in
single precision elsewhere (libheif/color-conversion/yuv2rgb.cc, nclx.cc, monochrome.cc; the
coefficients are of ITU-T H.273, section 8.3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_MIDDLE: Final = 128
_WEIGHTS: Final = {
    1: (0.2126, 0.0722),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    9: (0.2627, 0.0593),
}
"""Of red and blue in luma, by the number of the matrix."""
_UNNAMED: Final = 2
_USUAL: Final = (1.402, -0.344136, -0.714136, 1.772)
"""Where no matrix is named: of Cr in red, Cb and Cr in green, Cb in blue."""
_IDENTITY: Final = 0
_BLACK: Final = 16.0
_LUMA, _CHROMA = 1.1689, 1.1429
"""libheif's own, for what goes from 16 to 235 and 240."""

Planes = list[Any]
"""Of bytes, rows by columns: luma, and where there are colours Cb and Cr."""
Convert = Callable[[Planes, Any], None]
"""Called with planes of some rows, and rows x columns x 3 bytes to fill."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How colours are coded."""

    shared: tuple[int, int] | None
    """How many pixels, across and down, share a chroma sample; None where there is no chroma."""
    matrix: int
    """In H.273's numbers."""
    full: bool
    """Whether samples go from 0 to 255."""


def converter(kind: Kind) -> Convert | None:
    """What converts them as libheif does; None where that is not known to be so."""
    if kind.shared is None:
        return _grey
    if kind.matrix == _IDENTITY:
        return _swapped if kind.full and kind.shared == (1, 1) else None
    if kind.matrix != _UNNAMED and kind.matrix not in _WEIGHTS:
        return None
    exact = _whole_numbers if kind.full and kind.shared == (2, 2) else _single_precision
    return exact(kind)


def _grey(planes: Planes, out: Any) -> None:
    out[...] = planes[0][..., None]


def _swapped(planes: Planes, out: Any) -> None:
    """Green, blue and red as they are."""
    for channel, plane in zip((1, 2, 0), planes, strict=True):
        out[..., channel] = plane


def _coefficients(matrix: int) -> tuple[Any, ...]:
    """Of Cr in red, Cb and Cr in green, Cb in blue: in single precision, as all of it is."""
    import numpy as np

    if matrix == _UNNAMED:
        return tuple(map(np.float32, _USUAL))
    red, blue = map(np.float32, _WEIGHTS[matrix])
    one, two = np.float32(1), np.float32(2)
    rest = blue + red - one
    return (
        two * (-red + one),
        two * blue * (-blue + one) / rest,
        two * red * (-red + one) / rest,
        two * (-blue + one),
    )


def _whole_numbers(kind: Kind) -> Convert:
    import numpy as np

    signed = np.arange(256) - _MIDDLE
    # lround, which rounds halves away from zero; there are none.
    factors = [round(256 * float(each)) for each in _coefficients(kind.matrix)]
    products = [(factor * signed).astype(np.int32) for factor in factors]
    red, blue = (((products[at] + 128) >> 8).astype(np.int16) for at in (0, 3))
    green_blue, green_red = products[1:3]
    green_red = green_red + 128

    def convert(planes: Planes, out: Any) -> None:
        luma, cb, cr = planes[0].astype(np.int16), *planes[1:]
        green = ((green_blue[cb] + green_red[cr]) >> 8).astype(np.int16)
        for channel, offset in enumerate((red[cr], green, blue[cb])):
            value = _spread(offset, (2, 2), luma.shape) + luma
            out[..., channel] = np.clip(value, 0, 255, out=value)

    return convert


def _single_precision(kind: Kind) -> Convert:
    import numpy as np

    shared = kind.shared or (1, 1)
    light, signed = np.arange(256, dtype=np.float32), np.arange(256, dtype=np.float32) - _MIDDLE
    if not kind.full:
        light = (light - np.float32(_BLACK)) * np.float32(_LUMA)
        signed = signed * np.float32(_CHROMA)
    red, green_blue, green_red, blue = (factor * signed for factor in _coefficients(kind.matrix))
    half = np.float32(0.5)

    def convert(planes: Planes, out: Any) -> None:
        luma = light[planes[0]]
        cb, cr = (_spread(plane, shared, luma.shape) for plane in planes[1:])
        sums = (luma + red[cr], luma + green_blue[cb] + green_red[cr], luma + blue[cb])
        for channel, value in enumerate(sums):
            rounded = np.add(value, half, out=value)
            out[..., channel] = np.clip(rounded, 0, 255, out=value)

    return convert


def _spread(plane: Any, shared: tuple[int, int], shape: tuple[int, int]) -> Any:
    """Samples, each repeated for the pixels that share it."""
    (across, down), (height, width) = shared, shape
    return plane.repeat(across, axis=1)[:, :width].repeat(down, axis=0)[:height]
