"""The parameters of `image.crop`."""

from typing import Final, Self

from pydantic import Field, model_validator

from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.shape.lengths import Length, Ratio, Shift, given
from mediakiln.operations.image.shape.placing import Focus, Position

_ELSEWHERE: Final = {"position", "focus_x", "focus_y", "offset_x", "offset_y", "ratio"}
_WHOLE: Final = 100
"""Percent."""


class CropStep(Focus):
    """Which part of the upright image is kept."""

    left: Shift | None = Field(
        default=None,
        description="Left edge of the box: pixels of the upright image, or percent of its width "
        "such as 12.5%. What of the box is outside the image is left out.",
    )
    top: Shift | None = Field(
        default=None,
        description="Upper edge of the box: pixels, or percent of the height such as 12.5%.",
    )
    width: Length | None = Field(
        default=None,
        description="Width of what is kept: pixels, or percent of the image's. By default as far "
        "as the image goes.",
    )
    height: Length | None = Field(
        default=None,
        description="Height of what is kept: pixels, or percent of the image's. By default as far "
        "as the image goes.",
    )
    ratio: Ratio | None = Field(
        default=None,
        description="Width to height, such as 16:9: keep the largest part of this shape, no "
        "larger than `width` and `height`. Not with `left` or `top`.",
    )
    position: Position = Field(
        default="centre",
        description="Where what is kept lies, without `left` and `top`; attention and entropy "
        "look for the interesting part, faces for faces (attention where there is none).",
    )

    @model_validator(mode="after")
    def _one_way_to_say_where(self) -> Self:
        if not given(self, "left", "top", "width", "height", "ratio"):
            raise ValueError("give a box, a width, a height or a ratio")
        if given(self, "left", "top"):
            # By value and not by what was written: canonical parameters name every default.
            defaults = {name: type(self).model_fields[name].default for name in _ELSEWHERE}
            said = {name for name in _ELSEWHERE if getattr(self, name) != defaults[name]}
            if said:
                raise ValueError(f"left and top say where: leave out {', '.join(sorted(said))}")
        for name in ("left", "top"):
            start = getattr(self, name)
            if isinstance(start, str) and float(start.removesuffix("%")) >= _WHOLE:
                raise ValueError(f"{name} is {start}: the box is outside every image")
        return self


class CropParams(Encoding, CropStep):
    """Which part of the upright image is kept, and how it is encoded."""
