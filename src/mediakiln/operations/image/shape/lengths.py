"""Lengths as parameters: pixels, or percent of the image's own side."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

MAX_LENGTH: Final = 1_000_000
"""Pixels: more than any side of a source that is worked on."""

_PERCENT: Final = r"[0-9]{1,6}(\.[0-9]{1,12})?%"
_RATIO = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?):([0-9]{1,6}(?:\.[0-9]{1,6})?)")

Length = Annotated[int, Field(ge=1, le=MAX_LENGTH)] | Annotated[str, Field(pattern=f"^{_PERCENT}$")]
"""A parameter's type: whole pixels such as 300, or a share of the side such as "12.5%"."""
Shift = (
    Annotated[int, Field(ge=-MAX_LENGTH, le=MAX_LENGTH)]
    | Annotated[str, Field(pattern=f"^-?{_PERCENT}$")]
)
"""A parameter's type: a `Length` that may be nothing or negative."""


def pixels(length: int | str, side: int) -> float:
    """A length in pixels, not yet rounded, where 100% are `side` pixels."""
    if isinstance(length, str):
        return float(length.removesuffix("%")) / 100 * side
    return float(length)


def rounded(length: float) -> int:
    """Whole pixels; a half is rounded up, so that boxes side by side stay so."""
    return int(length + 0.5) if length >= 0 else -int(0.5 - length)


def _ratio(text: str) -> str:
    found = _RATIO.fullmatch(text)
    if not found or 0 in {float(found[1]), float(found[2])}:
        raise ValueError("a ratio is width:height, such as 16:9 or 1.5:1")
    return text


Ratio = Annotated[str, AfterValidator(_ratio)]
"""A parameter's type: width to height, such as "16:9"."""


def quotient(ratio: str) -> float:
    """Width divided by height."""
    width, _, height = ratio.partition(":")
    return float(width) / float(height)


def given(params: Any, *names: str) -> bool:
    """Whether any of these parameters was given."""
    return any(getattr(params, name) is not None for name in names)
