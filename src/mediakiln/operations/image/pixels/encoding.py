"""The parameters that say how a result is encoded, shared by every operation that makes images."""

from typing import Literal, Self

from pydantic import Field, model_validator

from mediakiln.operations.image.pixels.colour import Colour
from mediakiln.ports.operation import Params


class Encoding(Params):
    """How an image is encoded."""

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
    background: Colour | None = Field(
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
    def _encoding_can_do_it(self) -> Self:
        if self.format == "gif" and self.quality is not None:
            raise ValueError("gif has no quality")
        if self.format == "jpeg" and self.lossless:
            raise ValueError("jpeg cannot be lossless")
        if self.progressive and self.format not in {"auto", "jpeg", "png"}:
            raise ValueError(f"{self.format} cannot be progressive")
        return self
