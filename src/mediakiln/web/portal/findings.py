"""What steps found in a picture, to be seen: colours, places in it, labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from mediakiln.web.portal.pictures import Picture

MOST: Final = 40
"""Things of one step that are named."""
_PLACED: Final[Mapping[str, str]] = {
    "image.codes": "codes",
    "image.faces": "faces",
    "image.ocr": "text",
}
"""Operations that find places, and under which name they tell them."""
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "codes": ("code", "codes"),
    "faces": ("face", "faces"),
    "text": ("line", "lines"),
}


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour of a palette; `left` and `share` are parts of the whole, 0 to 100."""

    hex: str
    left: float
    share: float


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle in pixels of the upright picture."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found."""

    summary: str
    """In a few words."""
    colours: Sequence[Colour] = ()
    places: Sequence[Place] = ()
    picture: Picture | None = None
    """The picture with the places in it; it has its sides."""
    named: Sequence[str] = ()
    """What was read, or which labels fit."""


def finding(op: str, metadata: Mapping[str, Any], seen: Picture | None) -> Finding | None:
    """What a product tells; None where it is shown like any other file.

    `seen` is the picture that the step looked at, if it can be shown.
    """
    if op == "image.palette":
        return _palette(_things(metadata, "colours"))
    if op == "image.labels":
        return _labels(_things(metadata, "labels"))
    name = _PLACED.get(op)
    if name is None or name not in metadata:
        return None  # another file of the same step
    return _places(name, _things(metadata, name), metadata.get("count"), seen)


def _things(metadata: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [each for each in metadata.get(name) or () if isinstance(each, Mapping)][:MOST]


def _palette(told: Sequence[Mapping[str, Any]]) -> Finding | None:
    shares = [float(each.get("share", 0)) for each in told]
    whole = sum(shares)
    if not whole:
        return None
    lefts = accumulate(shares, initial=0.0)
    colours = [
        Colour(str(each.get("hex")), round(100 * left / whole, 2), round(100 * share / whole, 2))
        for each, share, left in zip(told, shares, lefts, strict=False)
    ]
    named = [f"{colour.hex} {colour.share:.0f} %" for colour in colours]
    return Finding(_counted(len(colours), "colour", "colours"), colours=colours, named=named)


def _labels(told: Sequence[Mapping[str, Any]]) -> Finding:
    named = [f"{each.get('name')} {float(each.get('confidence', 0)):.0%}" for each in told]
    return Finding(_counted(len(named), "label", "labels"), named=named)


def _places(
    name: str, things: Sequence[Mapping[str, Any]], count: int | None, seen: Picture | None
) -> Finding:
    one, many = _WORDS[name]
    boxes = [each.get("box") or {} for each in things]
    places = [
        Place(*(float(box.get(side, 0)) for side in ("left", "top", "width", "height")))
        for box in boxes
    ]
    return Finding(
        _counted(count or len(things), one, many),
        places=places,
        picture=seen if seen is not None and seen.width is not None else None,
        named=[str(each["text"]) for each in things if each.get("text")],
    )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}" if count else f"no {many}"
