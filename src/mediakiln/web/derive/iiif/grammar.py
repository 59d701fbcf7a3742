"""The words of an image request (IIIF Image API 3.0, section 4): region, size, rotation, ....

All of them are taken strictly: what the specification does not allow is a bad request.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.transform import Transform

MAX_SIDE: Final = 16_383
"""Pixels of a result's side: what every encoding can hold."""
MAX_AREA: Final = 32_000_000
"""Pixels of a result."""
FORMATS: Final = {"jpg": "jpeg", "png": "png", "webp": "webp", "gif": "gif", "tif": "tiff"}
"""The specification's formats that are made here, and what `image.transform` calls them."""
QUALITIES: Final = ("default", "color", "gray", "bitonal")

_NUMBER: Final = r"(?:\d{1,9}(?:\.\d{1,20})?|\.\d{1,20})"
_PIXELS: Final = re.compile(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})")
_PERCENT: Final = re.compile(rf"pct:({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})")
_SIZE: Final = re.compile(r"(!?)(\d{1,9})?,(\d{1,9})?")
_SCALE: Final = re.compile(rf"pct:({_NUMBER})")
_ROTATION: Final = re.compile(rf"(!?)({_NUMBER})")
_LAST: Final = re.compile(r"([a-z]+)\.([a-z0-9]+)")
_WHOLE_TURN: Final = 360
_PER_CENT: Final = 100

_REGIONS: Final = ["full", "square", "x,y,w,h", "pct:x,y,w,h"]
_DOWNWARD: Final = ["max", "w,", ",h", "pct:n", "w,h", "!w,h"]
_SIZES: Final = [*_DOWNWARD, *(f"^{form}" for form in _DOWNWARD)]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the upright image, in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Size:
    """A result before it is turned, in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Request:
    """One image request, understood for an image of a certain size."""

    whole: Size
    region: Region
    size: Size
    mirrored: bool
    degrees: float
    quality: str
    format: str

    @property
    def full(self) -> bool:
        """Whether the region is all of the image."""
        return self.region == Region(0, 0, self.whole.width, self.whole.height)

    @property
    def larger(self) -> bool:
        """Whether the result is scaled up."""
        return self.size.width > self.region.width or self.size.height > self.region.height

    @property
    def canonical(self) -> str:
        """The request's canonical form (section 4.8): region/size/rotation/quality.format."""
        region = self.region
        where = (
            "full" if self.full else f"{region.left},{region.top},{region.width},{region.height}"
        )
        quality = "default" if self.quality == "color" else self.quality
        turned = f"{'!' if self.mirrored else ''}{_plain(self.degrees)}"
        return f"{where}/{self._canonical_size}/{turned}/{quality}.{self.format}"

    @property
    def _canonical_size(self) -> str:
        part = Size(self.region.width, self.region.height)
        size = f"{self.size.width},{self.size.height}"
        if self.larger:
            return "^max" if self.size == _scaled(part, _limit(part)) else f"^{size}"
        return "max" if self.size == most(part) else size

    def transform(self) -> Transform:
        """What is to be done, in the order that the specification sets."""
        region, steps = self.region, list[dict[str, Any]]()
        if not self.full:
            box = {"left": region.left, "top": region.top}
            steps.append(
                {"op": "image.crop", **box, "width": region.width, "height": region.height}
            )
        if (self.size.width, self.size.height) != (region.width, region.height):
            size = {"width": self.size.width, "height": self.size.height, "fit": "fill"}
            steps.append({"op": "image.resize", **size, "enlarge": self.larger})
        if self.mirrored or self.degrees:
            turn = {"flip_horizontal": self.mirrored, "angle": self.degrees}
            steps.append({"op": "image.rotate", **turn})
        if self.quality == "gray":
            steps.append({"op": "image.adjust", "grayscale": True})
        if self.quality == "bitonal":
            steps.append({"op": "image.adjust", "threshold": 50})
        encoding = {"format": FORMATS[self.format], "animated": False}
        return Transform(steps=tuple(steps), encoding=encoding)


def parse(words: list[str], width: int, height: int) -> Request:
    """Understand region, size, rotation and quality.format for an image of this upright size.

    Raises:
        InvalidRequest: one of them is wrong; names it and what is allowed.
    """
    region = _region(words[0], width, height)
    mirrored, degrees = _rotation(words[2])
    quality, format = _last(words[3])
    size = _size(words[1], Size(region.width, region.height))
    return Request(Size(width, height), region, size, mirrored, degrees, quality, format)


def most(part: Size) -> Size:
    """The largest result of a part that is not scaled up."""
    return _scaled(part, min(1.0, _limit(part)))


def _region(text: str, width: int, height: int) -> Region:
    if text == "full":
        return Region(0, 0, width, height)
    if text == "square":
        side = min(width, height)
        return Region((width - side) // 2, (height - side) // 2, side, side)
    if found := _PIXELS.fullmatch(text):
        left, top, wide, high = (int(number) for number in found.groups())
    elif found := _PERCENT.fullmatch(text):
        shares = [float(number) / _PER_CENT for number in found.groups()]
        left, top = _rounded(shares[0] * width), _rounded(shares[1] * height)
        wide, high = _rounded(shares[2] * width), _rounded(shares[3] * height)
    else:
        raise _wrong("region", text, _REGIONS)
    right, bottom = min(left + wide, width), min(top + high, height)
    if right <= left or bottom <= top:
        raise InvalidRequest(
            f"the region {text[:64]} holds nothing of an image of {width} x {height} pixels",
            field="region",
            limit=[width, height],
        )
    return Region(left, top, right - left, bottom - top)


def _size(text: str, part: Size) -> Size:
    upward = text.startswith("^")
    bare = text[1:] if upward else text
    if bare == "max":
        return _scaled(part, _limit(part)) if upward else most(part)
    if found := _SCALE.fullmatch(bare):
        size = _scaled(part, float(found[1]) / _PER_CENT)
    elif (found := _SIZE.fullmatch(bare)) and (found[2] or found[3]):
        size = _boxed(text, part, found, upward=upward)
    else:
        raise _wrong("size", text, _SIZES)
    if size.width < 1 or size.height < 1:
        raise _wrong("size", text, ["at least 1 x 1 pixels"])
    if not upward and (size.width > part.width or size.height > part.height):
        raise InvalidRequest(
            f"the size {text[:64]} is larger than the region of {part.width} x {part.height} "
            "pixels",
            field="size",
            hint=f"^{text[:64]} scales up",
        )
    area = size.width * size.height
    if max(size.width, size.height) > MAX_SIDE or area > MAX_AREA:
        raise InvalidRequest(
            f"the size {text[:64]} is larger than any result: a side has at most {MAX_SIDE} "
            f"pixels, all of it {MAX_AREA}",
            field="size",
            limit=MAX_SIDE if area <= MAX_AREA else MAX_AREA,
        )
    return size


def _boxed(text: str, part: Size, found: re.Match[str], *, upward: bool) -> Size:
    inside = bool(found[1])
    wide, high = (None if number is None else int(number) for number in found.groups()[1:])
    if inside:
        if wide is None or high is None:
            raise _wrong("size", text, _SIZES)
        if not wide or not high:
            return Size(0, 0)
        scale = min(wide / part.width, high / part.height, _limit(part))
        return _scaled(part, scale if upward else min(1.0, scale))
    if wide is not None and high is not None:
        return Size(wide, high)
    if wide is not None:
        return Size(wide, _at_least_one(part.height * wide / part.width) if wide else 0)
    high = high or 0
    return Size(_at_least_one(part.width * high / part.height) if high else 0, high)


def _rotation(text: str) -> tuple[bool, float]:
    found = _ROTATION.fullmatch(text)
    if not found or float(found[2]) > _WHOLE_TURN:
        raise _wrong("rotation", text, ["0 to 360", "!0 to !360"])
    return bool(found[1]), float(found[2]) % _WHOLE_TURN


def _last(text: str) -> tuple[str, str]:
    found = _LAST.fullmatch(text)
    if not found:
        raise _wrong("quality.format", text, ["default.jpg"])
    if found[1] not in QUALITIES:
        raise _wrong("quality", found[1], list(QUALITIES))
    if found[2] not in FORMATS:
        raise _wrong("format", found[2], list(FORMATS))
    return found[1], found[2]


def _limit(part: Size) -> float:
    """How far a part may be scaled, up or down, to be no larger than any result."""
    longest = MAX_SIDE / max(part.width, part.height)
    scale = min(longest, math.sqrt(MAX_AREA / (part.width * part.height)))
    while _area(_scaled(part, scale)) > MAX_AREA:
        scale *= 0.9999
    return scale


def _area(size: Size) -> int:
    return size.width * size.height


def _scaled(part: Size, scale: float) -> Size:
    if scale <= 0:
        return Size(0, 0)
    return Size(_at_least_one(part.width * scale), _at_least_one(part.height * scale))


def _at_least_one(length: float) -> int:
    return max(1, _rounded(length))


def _rounded(length: float) -> int:
    return math.floor(length + 0.5)


def _plain(number: float) -> str:
    """A number as section 4.7 wants it: no exponent, no zeros that say nothing."""
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _wrong(field: str, value: str, allowed: list[str]) -> InvalidRequest:
    return InvalidRequest(
        f"{field} cannot be {value[:64]!r}", field=field, value=value[:64], allowed=allowed
    )
