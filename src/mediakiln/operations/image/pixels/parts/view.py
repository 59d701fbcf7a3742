"""Views: which part of a source is wanted, and how it is turned, before anything is decoded."""

from dataclasses import dataclass, replace
from typing import Any, Final

from mediakiln.operations.image.pixels.managed.target import SRGB, Target
from mediakiln.operations.image.pixels.parts.box import UNTURNED, Box, Turn
from mediakiln.operations.image.pixels.picture import Picture
from mediakiln.operations.image.pixels.settle import settled

TURNED_AT_ONCE: Final = 16_000_000
"""Pixels that are turned upright in memory."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of a source's upright frame, turned. Its width and height are pixels of the source.

    Cropping and turning a view costs nothing; decoding it decodes no more than it shows, at the
    size that is wanted.
    """

    picture: Picture
    box: Box
    turn: Turn = UNTURNED

    @classmethod
    def whole(cls, picture: Picture) -> "View":
        """All of an upright frame."""
        return cls(picture, Box(0, 0, picture.width, picture.height))

    @property
    def width(self) -> int:
        """In pixels of the source, after the turn."""
        return self.turn.size(self.box.width, self.box.height)[0]

    @property
    def height(self) -> int:
        """In pixels of the source, after the turn."""
        return self.turn.size(self.box.width, self.box.height)[1]

    @property
    def is_whole(self) -> bool:
        """Whether it shows the upright frame as it is."""
        return self.turn.identity and self.box == View.whole(self.picture).box

    def cropped(self, box: Box) -> "View":
        """A part of this view."""
        return replace(
            self, box=self.turn.before(box, self.box.width, self.box.height).within(self.box)
        )

    def turned(self, turn: Turn) -> "View":
        """This view, turned."""
        return replace(self, turn=self.turn.then(turn))

    def decoded(self, width: int, height: int, *, target: Target = SRGB) -> Any:
        """Its pixels at exactly this size, as `Picture.scaled` gives them: a lazy libvips image."""
        upright = self.picture.upright
        # Where much is to be turned upright, libvips would hold all of it in memory.
        if self.is_whole and (upright.streams or width * height <= TURNED_AT_ONCE):
            return self.picture.scaled(width, height, frames=False, target=target)
        stored = upright.inverse.size(self.picture.width, self.picture.height)
        turn = upright.then(self.turn)
        image = self.picture.part(
            upright.before(self.box, *stored),
            *turn.inverse.size(width, height),
            target=target,
        )
        return turn.apply(image if turn.streams else settled(image))
