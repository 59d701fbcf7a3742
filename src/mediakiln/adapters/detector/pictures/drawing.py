"""The size of a drawing by its first tag (SVG 2, section 7.2; CSS Images 3, section 5.3)."""

import math
import re

_MOST_CHARS = 16 * 1024
_MOST_ATTRIBUTES = 128
_ATTRIBUTE = re.compile(r"\s*([\w:.\-]{1,64})\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")
_LENGTH = re.compile(r"\s*\+?(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(?:[eE]\+?(\d))?\s*([a-z%]{0,4})\s*")
_STYLED = re.compile(r"(?:^|;)\s*(width|height)\s*:([^;]{1,40})")
_BETWEEN = re.compile(r"[\s,]+")
_DPI = 72.0
"""Of a drawing's units, as images are made of it."""
_FONT = 12.0
_UNITS = {
    "": 1.0,
    "px": 1.0,
    "in": _DPI,
    "cm": _DPI / 2.54,
    "mm": _DPI / 25.4,
    "pt": _DPI / 72,
    "pc": _DPI / 6,
    "em": _FONT,
    "ex": _FONT / 2,
}


def pixels(content: str, at: int) -> tuple[int, int] | None:
    """Width and height of an `svg` tag whose attributes begin at `at`; None if it tells none."""
    told = _attributes(content, at)
    styled = dict(_STYLED.findall(told.get("style", "")[:_MOST_CHARS]))
    width, height = (_length(styled.get(side) or told.get(side)) for side in ("width", "height"))
    box = _box(told.get("viewBox", ""))
    if box is None:
        return None if width is None or height is None else _whole(width, height)
    if width is None and height is None:
        return _whole(*box)
    if height is None:
        return _whole(width or 0, (width or 0) * box[1] / box[0])
    return _whole(height * box[0] / box[1] if width is None else width, height)


def _attributes(content: str, at: int) -> dict[str, str]:
    found: dict[str, str] = {}
    end = min(len(content), at + _MOST_CHARS)
    for _ in range(_MOST_ATTRIBUTES):
        match = _ATTRIBUTE.match(content, at, end)
        if match is None:
            break
        found.setdefault(match[1], match[2] if match[2] is not None else match[3])
        at = match.end()
    return found


def _length(text: str | None) -> float | None:
    """In pixels; None of what depends on where it is drawn."""
    match = _LENGTH.fullmatch((text or "")[:40])
    unit = _UNITS.get(match[3]) if match else None
    if match is None or unit is None:
        return None
    return float(match[1]) * 10.0 ** int(match[2] or 0) * unit


def _box(text: str) -> tuple[float, float] | None:
    """Width and height of a view box."""
    try:
        numbers = [float(each) for each in _BETWEEN.split(text[:200].strip())]
    except ValueError:
        return None
    if len(numbers) != 4 or not all(0 < side < 1e9 for side in numbers[2:]):
        return None
    return numbers[2], numbers[3]


def _whole(width: float, height: float) -> tuple[int, int] | None:
    """Rounded as those who draw round; None of a side that would be none."""
    across, down = math.floor(width + 0.5), math.floor(height + 0.5)
    return (across, down) if across > 0 and down > 0 else None
