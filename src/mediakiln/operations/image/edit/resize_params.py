"""The parameters of `image.resize`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mediakiln.operations.image.pixels.colour import Colour
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.sizes import MAX_SIDE
from mediakiln.operations.image.shape.lengths import given
from mediakiln.operations.image.shape.placing import SALIENT, Focus, Position

Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]


class Fitting(Focus):
    """How large an image becomes and how it is fitted into its box."""

    width: Side | None = Field(
        default=None,
        description="Width of the box in pixels, before `dpr`. Without `height` the ratio decides.",
    )
    height: Side | None = Field(
        default=None,
        description="Height of the box in pixels, before `dpr`. Without `width` the ratio decides.",
    )
    fit: Literal["inside", "cover", "contain", "fill", "outside"] = Field(
        default="inside",
        description="inside: as large as fits in the box; cover: fill the box and crop; contain: "
        "fit in the box and pad; fill: stretch; outside: as small as covers the box, uncropped.",
    )
    position: Position = Field(
        default="centre",
        description="What `cover` keeps and where `contain` puts the image; attention and entropy "
        "look for the interesting part, faces for faces (cover only).",
    )
    enlarge: bool = Field(
        default=False,
        description="Whether a small image may be scaled up. Vector images always are.",
    )
    min_width: Side | None = Field(
        default=None,
        description="The image, before `cover` crops it, is at least so many pixels wide, before "
        "`dpr`: it is scaled more, even up.",
    )
    min_height: Side | None = Field(
        default=None,
        description="The image, before `cover` crops it, is at least so many pixels high, before "
        "`dpr`: it is scaled more, even up.",
    )
    dpr: float = Field(
        default=1.0, ge=0.1, le=8.0, description="Device pixel ratio: multiplies width and height."
    )
    background: Colour | None = Field(
        default=None,
        description="Colour of padding: #rrggbb[aa], or a name as in CSS; by default transparent.",
    )

    @model_validator(mode="after")
    def _a_crop_looks_for_something(self) -> Self:
        if self.fit != "cover" and self.position in SALIENT:
            raise ValueError(f"position {self.position} needs fit cover")
        if self.fit != "cover" and self.focused:
            raise ValueError("focus_x and focus_y need fit cover")
        return self


class ResizeStep(Fitting):
    """One resize of a chain."""

    @model_validator(mode="after")
    def _a_size_is_given(self) -> Self:
        if not given(self, "width", "height", "min_width", "min_height"):
            raise ValueError("give width or height")
        return self


class ResizeParams(Encoding, Fitting):
    """How large the result is, how the image is fitted into it, and how it is encoded."""

    widths: tuple[Side, ...] = Field(
        default=(),
        max_length=16,
        description="Instead of width and height: one product w{n} for each of these widths in "
        "pixels, all made from one decode (for srcset).",
    )

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if self.widths and given(self, "width", "height", "min_width", "min_height"):
            raise ValueError("widths stands instead of width and height")
        if self.widths and self.dpr != 1.0:
            raise ValueError("widths are pixels already: leave dpr out")
        if len(set(self.widths)) != len(self.widths):
            raise ValueError("widths must differ from one another")
        if not (self.widths or given(self, "width", "height", "min_width", "min_height")):
            raise ValueError("give width, height or widths")
        return self
