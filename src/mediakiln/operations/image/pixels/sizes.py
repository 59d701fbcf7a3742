"""How large a result may be."""

from typing import Final

from mediakiln.model.errors import LimitExceeded, TooManyPixels

MAX_SIDE: Final = 16_383
"""Pixels: the largest side that every output format can store (WebP's is the smallest)."""


def check(width: int, height: int, max_pixels: int, *, frames: int = 1) -> None:
    """Refuse results that no output format can hold, or that are larger than any source may be.

    All frames of an animation count together, since some work needs them all at once.

    Raises:
        LimitExceeded, TooManyPixels: with the limit and what was asked for.
    """
    if max(width, height) > MAX_SIDE:
        raise LimitExceeded(
            f"the result would be {width} x {height} pixels; a side has at most {MAX_SIDE}",
            limit=MAX_SIDE,
            value=max(width, height),
            hint="ask for a smaller box",
        )
    check_pixels(width * height * frames, max_pixels, frames)


def check_pixels(pixels: int, max_pixels: int, frames: int) -> None:
    """Refuse more pixels, of all frames together, than any source may have.

    Raises:
        TooManyPixels: with the limit and what was asked for.
    """
    if pixels > max_pixels:
        raise TooManyPixels(
            f"the result would have {pixels} pixels; {max_pixels} are allowed",
            limit=max_pixels,
            value=pixels,
            hint="ask for a smaller box" + (" or animated: false" if frames > 1 else ""),
        )
