"""The parameters of `image.resize`."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mediakiln.ports.operation import Params

MAX_SIDE = 16_383
"""Pixels: the largest side that every output format can store (WebP's is the smallest)."""

_COLOUR = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
_NAMED = {"white": "#ffffff", "black": "#000000", "transparent": "#00000000"}

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


def _colour(text: str) -> str:
    """Write a colour as #rrggbbaa."""
    digits = _NAMED.get(text.lower(), text.lower())
    if not _COLOUR.fullmatch(digits):
        raise ValueError("a colour is #rgb, #rgba, #rrggbb, #rrggbbaa, white, black or transparent")
    digits = digits[1:]
    if len(digits) < len("rrggbb"):
        digits = "".join(digit * 2 for digit in digits)
    return f"#{digits:f<8}"


class ResizeParams(Params):
    """How large the result is, how the image is fitted into it, and how it is encoded."""

    width: Side | None = Field(
        default=None,
        description="Width of the box in pixels, before `dpr`. Without `height` the ratio decides.",
    )
    height: Side | None = Field(
        default=None,
        description="Height of the box in pixels, before `dpr`. Without `width` the ratio decides.",
    )
    widths: tuple[Side, ...] = Field(
        default=(),
        max_length=16,
        description="Instead of width and height: one product w{n} for each of these widths in "
        "pixels, all made from one decode (for srcset).",
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
    format: Literal["auto", "jpeg", "png", "webp", "avif", "gif", "tiff"] = Field(
        default="auto",
        description="Encoding of the result. auto keeps JPEG, PNG, WebP, AVIF and GIF, turns "
        "other photographs into JPEG, and other drawings or transparent images into PNG.",
    )
    quality: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Of lossy encodings, 1 to 100; by default 80 (JPEG, WebP) or 55 (AVIF). With "
        "png it selects a palette of at most 256 colours, with tiff JPEG compression.",
    )
    lossless: bool = Field(
        default=False, description="Lossless WebP or AVIF; PNG, GIF and TIFF are so anyway."
    )
    effort: int | None = Field(
        default=None,
        ge=0,
        le=9,
        description="Time spent on a smaller file, 0 (fast) to 9, scaled to the encoder's range.",
    )
    progressive: bool = Field(
        default=False, description="Progressive JPEG or interlaced PNG; other formats have none."
    )
    animated: bool = Field(
        default=True,
        description="Keep every frame where source and result can hold several; else the first.",
    )
    background: Annotated[str, AfterValidator(_colour)] | None = Field(
        default=None,
        description="Colour of padding, and behind transparency where the format has none: "
        "#rrggbb[aa], white, black or transparent. By default transparent if possible, else white.",
    )
    metadata: Literal["strip", "icc"] = Field(
        default="strip",
        description="strip: convert to sRGB and remove all metadata; icc: keep the image's own "
        "colours with their profile, remove everything else (position, camera, texts).",
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

    @model_validator(mode="after")
    def _encoding_can_do_it(self) -> Self:
        if self.format == "gif" and self.quality is not None:
            raise ValueError("gif has no quality")
        if self.format == "jpeg" and self.lossless:
            raise ValueError("jpeg cannot be lossless")
        if self.progressive and self.format not in {"auto", "jpeg", "png"}:
            raise ValueError(f"{self.format} cannot be progressive")
        if self.fit != "cover" and self.position in {"attention", "entropy"}:
            raise ValueError(f"position {self.position} needs fit cover")
        return self
