"""SSIMULACRA2: how much an encoded picture looks like the one it was made of.

100 is equal; 90 cannot be told apart even when one replaces the other, 80 not side by side, 70
is high, 50 medium and 30 low quality. The formula and its weights are Jon Sneyers', from
https://github.com/cloudinary/ssimulacra2 (BSD 3-Clause): structural similarity and edge
differences of six scales in the XYB colour space, weighted by what people saw in experiments.
As two things differ here, scores may differ from the reference's by a point: blurring is by a
finite kernel, and of a large picture nine parts are scored instead of the whole.
"""

from typing import Any, Final

import numpy as np
import pyvips
from numpy.typing import NDArray

from mediakiln.operations.image.pixels.managed.profiles import srgb_light

Plane = NDArray[np.float32]

METRIC: Final = "ssimulacra2"

_SCALES = 6
_LEAST_SIDE = 8
_C2 = np.float32(0.0009)
_WHOLE = 768
_PART = 256
_GROUNDS = (26, 230)
"""Grey levels behind transparent pictures: the worse score counts."""

_OPSIN = np.array(
    [
        (0.30, 0.622, 0.078),
        (0.23, 0.692, 0.078),
        (0.24342268924547819, 0.20476744424496821, 0.5518098665095536),
    ],
    dtype=np.float32,
)
_BIAS = np.float32(0.0037930732552754493)

_KERNEL = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2).astype(np.float32)
_KERNEL /= _KERNEL.sum()

# One row for each channel (X, Y, B) and scale; in it the weights of similarity, artefacts and
# lost detail, each by its mean and then each by its 4-norm.
_WEIGHTS = (
    (0.0, 0.0007376606707406586, 0.0, 0.0, 0.0007793481682867309, 0.0),
    (0.0, 0.0004371155730107379, 0.0, 1.1041726426657346, 0.00066284834129271, 0.0001523163278),
    (0.0, 0.0016406437456599754, 0.0, 1.8422455520539298, 11.441172603757666, 0.0),
    (0.0007989109436015163, 0.000176816438078653, 0.0, 1.8787594979546387, 10.94906990605142, 0.0),
    (0.00072893469915, 0.9677937080626833, 0.0, 0.0001400342428, 0.9981766977854967, 0.00031949755),
    (0.0004550992113792063, 0.0, 0.0, 0.0013648766163243398, 0.0, 0.0),
    (0.0, 0.0, 0.0, 7.466890328078848, 0.0, 17.445833984131262),
    (0.0006235601634041466, 0.0, 0.0, 6.683678146179332, 0.000377244079796, 1.027889937768264),
    (225.20515300849274, 0.0, 0.0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985),
    (176.39317598450694, 0.0, 0.0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408),
    (0.0, 0.0, 0.0, 34.77906344483772, 44.835625328877896, 0.0),
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 0.0008680556573291698, 0.0, 0.0, 0.0, 0.0),
    (0.0, 0.0005313191874358747, 0.0, 0.00016533814161379112, 0.0, 0.0),
    (0.0, 0.0, 0.0, 0.0004179171803251336, 0.0017290828234722833, 0.0),
    (0.0020827005846636437, 0.0, 0.0, 8.826982764996862, 23.19243343998926, 0.0),
    (
        95.1080498811,
        0.9863978034,
        0.9834382792465,
        0.00122864050483,
        171.266725589730,
        0.9807858872,
    ),
    (0.0, 0.0, 0.0, 0.0005130064588990679, 0.0, 0.00010854057858411537),
)


class Reference:
    """A picture that others are scored against: what is the same each time is computed once."""

    def __init__(self, image: Any) -> None:
        """Take an image of libvips, 8 bits a channel, grey or RGB, with or without alpha."""
        self._size = (image.width, image.height)
        self._grounds = _GROUNDS if image.hasalpha() else (None,)
        self._pyramids = [_pyramid(image, ground) for ground in self._grounds]

    def score(self, image: Any) -> float:
        """The score of another image of the same size: 100 where they are equal, down to -∞."""
        if (image.width, image.height) != self._size:
            raise ValueError("only images of one size can be compared")
        pairs = zip(self._grounds, self._pyramids, strict=True)
        return min(_compared(pyramid, _pyramid(image, ground)) for ground, pyramid in pairs)


class _Scale:
    """One channel of one scale: pixels, their local means, and means of their squares."""

    def __init__(self, pixels: Plane) -> None:
        self.pixels = pixels
        self.mean = _blurred(pixels)
        self.square = _blurred(pixels * pixels)
        self.edges = np.abs(pixels - self.mean) + np.float32(1)


_Pyramid = list[list[_Scale]]


def _pyramid(image: Any, ground: int | None) -> _Pyramid:
    linear = _linear(image, ground)
    scales: _Pyramid = []
    while len(scales) < _SCALES and min(linear.shape[1:]) >= _LEAST_SIDE:
        scales.append([_Scale(plane) for plane in _xyb(linear)])
        linear = _halved(linear)
    return scales


def _compared(one: _Pyramid, other: _Pyramid) -> float:
    total = 0.0
    weights = iter(_WEIGHTS)
    # Rows are counted on as in the reference: a picture too small for all scales uses the first.
    for channel in range(3):
        for scale, counterpart in zip(one, other, strict=True):
            differences = _differences(scale[channel], counterpart[channel])
            total += float(np.dot(next(weights), differences))
    total *= 0.9562382616834844
    total = (
        2.326765642916932 * total
        - 0.020884521182843837 * total**2
        + 6.248496625763138e-05 * (total**3)
    )
    return float(100.0 - 10.0 * total**0.6276336467831387) if total > 0 else 100.0


def _differences(one: _Scale, other: _Scale) -> list[float]:
    covariance = _blurred(one.pixels * other.pixels) - one.mean * other.mean
    gap = one.mean - other.mean
    above = (1 - gap * gap) * (2 * covariance + _C2)
    below = (one.square - one.mean**2) + (other.square - other.mean**2) + _C2
    unlike = np.maximum(1 - above / below, 0)
    edges = other.edges / one.edges - 1
    parts = (unlike, np.maximum(edges, 0), np.maximum(-edges, 0))
    return [float(part.mean(dtype=np.float64)) for part in parts] + [
        float((part**2 * part**2).mean(dtype=np.float64) ** 0.25) for part in parts
    ]


def _linear(image: Any, ground: int | None) -> Plane:
    """Linear light of the parts that count, 3 x height x width."""
    image = parts(image)
    if image.hasalpha():
        image = image.flatten(background=[ground or 0] * (image.bands - 1))
    shape = (image.height, image.width, image.bands)
    pixels = np.frombuffer(image.write_to_memory(), np.uint8).reshape(shape).transpose(2, 0, 1)
    linear: Plane = srgb_light(np.arange(256) / 255.0).astype(np.float32)[pixels]
    return linear if len(linear) == len(_OPSIN) else np.repeat(linear[:1], 3, axis=0)


def parts(image: Any) -> Any:
    """What counts of an image: all of a small one, of a large one nine pieces side by side."""
    across, down = _spans(image.width), _spans(image.height)
    if len(across) == len(down) == 1:
        return image
    cuts = [image.crop(left, top, width, height) for top, height in down for left, width in across]
    return pyvips.Image.arrayjoin(cuts, across=len(across))


def _spans(length: int) -> list[tuple[int, int]]:
    """Where along a side parts lie: all of it, or three pieces spread evenly."""
    if length <= _WHOLE:
        return [(0, length)]
    return [((2 * n + 1) * length // 6 - _PART // 2, _PART) for n in range(3)]


def _xyb(linear: Plane) -> Plane:
    """The XYB colour space, moved so that no channel is negative."""
    mixed = np.tensordot(_OPSIN, linear, axes=1) + _BIAS
    mixed = np.cbrt(np.maximum(mixed, 0)) - np.cbrt(_BIAS)
    x, y = (mixed[0] - mixed[1]) / 2, (mixed[0] + mixed[1]) / 2
    return np.stack([x * 14 + 0.42, y + 0.01, mixed[2] - y + 0.55]).astype(np.float32, copy=False)


def _halved(linear: Plane) -> Plane:
    """Half the size, by means of 2 x 2; an odd last row or column counts twice."""
    odd = [(0, 0), (0, linear.shape[1] % 2), (0, linear.shape[2] % 2)]
    even = np.pad(linear, odd, mode="edge") if any(right for _, right in odd) else linear
    halved: Plane = even[:, ::2, ::2] + even[:, 1::2, ::2]
    halved += even[:, ::2, 1::2] + even[:, 1::2, 1::2]
    halved *= np.float32(0.25)
    return halved


def _blurred(plane: Plane) -> Plane:
    """A Gaussian of sigma 1.5, with zeros beyond the edges."""
    return _along(_along(plane, 0), 1)


def _along(plane: Plane, axis: int) -> Plane:
    radius = len(_KERNEL) // 2
    length = plane.shape[axis]
    room = [(0, 0), (0, 0)]
    room[axis] = (radius, radius)
    padded = np.pad(plane, room)
    pieces = [
        padded[n : n + length] if axis == 0 else padded[:, n : n + length]
        for n in range(len(_KERNEL))
    ]
    total: Plane = pieces[radius] * _KERNEL[radius]
    for n in range(radius):
        total += (pieces[n] + pieces[-1 - n]) * _KERNEL[n]
    return total
