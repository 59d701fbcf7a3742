"""The parameters of `image.resize`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mediakiln.operations.image.pixels.colour import Colour
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.sizes import MAX_SIDE
from mediakiln.ports.operation import Params

Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Position = Literal[
    "centre",
    "north",
    "north-east",
    "east",
    "south-east",
    "south",
    "south-west",
    "west",
    "north-west",
    "attention",
    "entropy",
]


class Fitting(Params):
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
        "look for the interesting part (cover only).",
    )
    enlarge: bool = Field(
        default=False,
        description="Whether a small image may be scaled up. Vector images always are.",
    )
    dpr: float = Field(
        default=1.0, ge=0.1, le=8.0, description="Device pixel ratio: multiplies the box."
    )
    background: Colour | None = Field(
        default=None,
        description="Colour of padding: #rrggbb[aa], white, black or transparent (the default).",
    )

    @model_validator(mode="after")
    def _a_crop_looks_for_something(self) -> Self:
        if self.fit != "cover" and self.position in {"attention", "entropy"}:
            raise ValueError(f"position {self.position} needs fit cover")
        return self


class ResizeStep(Fitting):
    """One resize of a chain."""

    @model_validator(mode="after")
    def _a_size_is_given(self) -> Self:
        if not (self.width or self.height):
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
        if self.widths and (self.width or self.height):
            raise ValueError("widths stands instead of width and height")
        if self.widths and self.dpr != 1.0:
            raise ValueError("widths are pixels already: leave dpr out")
        if len(set(self.widths)) != len(self.widths):
            raise ValueError("widths must differ from one another")
        if not (self.widths or self.width or self.height):
            raise ValueError("give width, height or widths")
        return self
