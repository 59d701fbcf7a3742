"""The parameters of `image.pad`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mediakiln.operations.image.pixels.colour import Colour
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.sizes import MAX_SIDE
from mediakiln.operations.image.shape.lengths import Ratio, given
from mediakiln.operations.image.shape.placing import Offsets, Place

Extent = Annotated[int, Field(ge=0, le=MAX_SIDE)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]


class PadStep(Offsets):
    """What is put around an image, from the inside outwards: padding, a border, round corners."""

    flatten: bool = Field(
        default=False,
        description="Lay the image on the background first, so that nothing in it is transparent.",
    )
    background: Colour | None = Field(
        default=None,
        description="Colour of what is added: #rrggbb[aa], or a name as in CSS; by default "
        "transparent, white for `flatten`.",
    )
    padding: Extent = Field(default=0, description="Pixels added on all four sides.")
    top: Extent | None = Field(default=None, description="Pixels on top, instead of `padding`.")
    right: Extent | None = Field(
        default=None, description="Pixels on the right, instead of `padding`."
    )
    bottom: Extent | None = Field(
        default=None, description="Pixels at the bottom, instead of `padding`."
    )
    left: Extent | None = Field(
        default=None, description="Pixels on the left, instead of `padding`."
    )
    width: Side | None = Field(
        default=None,
        description="Extend it to this width in pixels, if it is narrower after the padding.",
    )
    height: Side | None = Field(
        default=None,
        description="Extend it to this height in pixels, if it is lower after the padding.",
    )
    ratio: Ratio | None = Field(
        default=None,
        description="Extend it to the smallest canvas of this width to height, such as 16:9, that "
        "is no smaller than `width` and `height`.",
    )
    position: Place = Field(
        default="centre", description="Where the image lies on the canvas that it is extended to."
    )
    border: Extent = Field(
        default=0, description="Width in pixels of a border around all this; the image grows by it."
    )
    border_colour: Colour = Field(
        default="#000000ff",
        description="Colour of the border: #rrggbb[aa], or a name as in CSS.",
    )
    radius: Extent | Literal["max"] = Field(
        default=0,
        description="Radius in pixels of round corners, outside of which is transparent; max makes "
        "the shorter sides half circles, and a square a circle.",
    )

    @model_validator(mode="after")
    def _it_does_something(self) -> Self:
        sides = given(self, "top", "right", "bottom", "left", "width", "height", "ratio")
        if not (sides or self.padding or self.border or self.radius or self.flatten):
            raise ValueError("give padding, width, height, ratio, border, radius or flatten")
        return self


class PadParams(Encoding, PadStep):
    """What is put around an image, and how it is encoded."""
