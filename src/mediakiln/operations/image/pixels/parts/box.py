"""Boxes of pixels, and how they lie after mirroring and quarter turns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_HALF: Final = 2


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels, from the upper left corner."""

    left: int
    top: int
    width: int
    height: int

    def within(self, outer: "Box") -> "Box":
        """This box of what `outer` cuts out, as a box of what `outer` is cut from."""
        return Box(outer.left + self.left, outer.top + self.top, self.width, self.height)

    def shrunk(self, factor: float, width: int, height: int) -> "Box":
        """The box in the same image of `width` x `height`, `factor` times smaller; never empty."""
        left = min(round(self.left / factor), width - 1)
        top = min(round(self.top / factor), height - 1)
        right = min(max(round((self.left + self.width) / factor), left + 1), width)
        bottom = min(max(round((self.top + self.height) / factor), top + 1), height)
        return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True, slots=True)
class Turn:
    """Mirror left to right, if so, and then turn clockwise by quarters: one of eight ways."""

    mirrored: bool = False
    quarters: int = 0

    @property
    def identity(self) -> bool:
        """Whether it leaves everything as it is."""
        return not (self.mirrored or self.quarters)

    @property
    def streams(self) -> bool:
        """Whether rows stay in their order, so that the pixels need not be held."""
        return not self.quarters

    def then(self, after: "Turn") -> "Turn":
        """This one, and after it the other one."""
        # Mirroring a turned image is turning the mirrored one the other way.
        quarters = -self.quarters if after.mirrored else self.quarters
        return Turn(self.mirrored != after.mirrored, (quarters + after.quarters) % 4)

    @property
    def inverse(self) -> "Turn":
        """What undoes it."""
        return self if self.mirrored else Turn(quarters=-self.quarters % 4)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height after it."""
        return (height, width) if self.quarters % _HALF else (width, height)

    def before(self, box: Box, width: int, height: int) -> Box:
        """Where a box of the turned image lies in the image of `width` x `height` before it."""
        left, top, across, down = box.left, box.top, box.width, box.height
        for left_to_do in range(self.quarters, 0, -1):
            # One quarter back: what is left was at the bottom, what is on top was on the left.
            turned = height if left_to_do % _HALF else width
            left, top, across, down = top, turned - left - across, down, across
        if self.mirrored:
            left = width - left - across
        return Box(left, top, across, down)

    def apply(self, image: Any) -> Any:
        """Turn a libvips image; it must be readable in any order unless this one `streams`."""
        if self == FLIPPED:
            return image.flipver()
        image = image.fliphor() if self.mirrored else image
        return image.rot(f"d{90 * self.quarters}") if self.quarters else image


UNTURNED: Final = Turn()
FLIPPED: Final = Turn(mirrored=True, quarters=2)
"""Mirrored top to bottom."""

UPRIGHT: Final[Mapping[int, Turn]] = {
    2: Turn(mirrored=True),
    3: Turn(quarters=2),
    4: FLIPPED,
    5: Turn(mirrored=True, quarters=3),
    6: Turn(quarters=1),
    7: Turn(mirrored=True, quarters=1),
    8: Turn(quarters=3),
}
"""What turns an image upright, by its orientation (Exif 3.0, 4.6.5.1.6); 1 needs nothing."""
