"""The parameters that say how a result is encoded, shared by every operation that makes images."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from mediakiln.operations.image.pixels.colour import Colour
from mediakiln.ports.operation import Params

DEFAULT_TARGET: Final = 75.0
"""Of `quality: auto`, on SSIMULACRA2's scale: between high (70) and very high quality (80)."""

_PALETTES = frozenset({"auto", "compatible", "png", "gif"})
_PROGRESSIVE = frozenset({"auto", "compatible", "jpeg", "png"})

Lossy = Literal["jpeg", "webp", "avif", "jxl"]
"""Formats with a quality of their own."""


class Encoding(Params):
    """How an image is encoded."""

    format: Literal["auto", "compatible", "jpeg", "png", "webp", "avif", "gif", "tiff", "jxl"] = (
        Field(
            default="auto",
            description="Encoding of the result. auto keeps JPEG, PNG, WebP, AVIF and GIF, turns "
            "other photographs into JPEG, and other drawings, scans in black and white or "
            "transparent images into PNG. compatible, for clients that know neither WebP nor "
            "AVIF, turns these, too, into JPEG, transparent ones into PNG and animated ones into "
            "GIF. jxl (JPEG XL) needs the extra jxl.",
        )
    )
    quality: Annotated[int, Field(ge=1, le=100)] | Literal["auto"] | None = Field(
        default=None,
        description="Of lossy encodings, 1 to 100; by default 80 (JPEG, WebP, JPEG XL) or 55 "
        "(AVIF). With png it selects a palette of at most 256 colours, with tiff JPEG "
        "compression. auto: the lowest quality whose picture scores `target` against the "
        "unencoded pixels; with png the fewest colours.",
    )
    qualities: dict[Lossy, Annotated[int, Field(ge=1, le=100)]] = Field(
        default_factory=dict,
        description="The quality by format, for when the format is not said: "
        '{"jpeg": 70, "avif": 50}. For these formats alone it stands instead of `quality`.',
    )
    target: Annotated[float, Field(ge=10, le=95)] | None = Field(
        default=None,
        description="Of quality auto: the SSIMULACRA2 score to reach, 10 to 95; 75 by default. 50 "
        "is medium, 70 high quality; 80 cannot be told from the original side by side, 90 not "
        "even in place of one another. What was reached is in the product's metadata.",
    )
    max_bytes: Annotated[int, Field(ge=64, le=1 << 30)] | None = Field(
        default=None,
        description="Byte budget: the best quality, up to `quality`, whose file is no larger; "
        "with png and gif the most colours. Where even the lowest is larger, the step fails with "
        "limit_exceeded, unless `max_bytes_strict` is false.",
    )
    max_bytes_strict: bool = Field(
        default=True,
        description="Whether a byte budget that cannot be met is an error; false gives the "
        "smallest file there is, with `budget_met: false` in its metadata.",
    )
    chroma: Literal["auto", "4:2:0", "4:4:4"] = Field(
        default="auto",
        description="Resolution of colour against brightness in JPEG and AVIF: halved (4:2:0) or "
        "full (4:4:4); auto is full from quality 90 on. WebP has only 4:2:0: there 4:4:4 selects "
        "a sharper way to it.",
    )
    lossless: bool = Field(
        default=False,
        description="Lossless WebP, AVIF or JPEG XL; PNG, GIF and TIFF are so anyway.",
    )
    effort: int | None = Field(
        default=None,
        ge=0,
        le=9,
        description="Time spent on a smaller file, 0 (fast) to 9, scaled to the encoder's range; "
        "by default 6 (WebP, GIF, TIFF), 5 (JPEG, PNG) or 3 (AVIF, JPEG XL), on request as the "
        "setting images_efforts says.",
    )
    progressive: bool = Field(
        default=False, description="Progressive JPEG or interlaced PNG; other formats have none."
    )
    colours: Annotated[int, Field(ge=2, le=256)] | None = Field(
        default=None,
        description="Size of the palette of a PNG or GIF, 2 to 256; by default PNG has one only "
        "where the source has and it loses nothing, and GIF has at most 256. Rounded up to a power "
        "of two.",
    )
    dither: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="How much a palette's errors are spread over neighbouring pixels, 0 to 1 (the "
        "default).",
    )
    animated: bool = Field(
        default=True,
        description="Keep every frame where source and result can hold several (GIF, WebP, AVIF; "
        "PNG if the source is one); else the first.",
    )
    background: Colour | None = Field(
        default=None,
        description="Colour of padding, and behind transparency where the format has none: "
        "#rrggbb[aa], or a name as in CSS such as white. By default transparent if possible, "
        "else white.",
    )
    colour: Literal["auto", "srgb", "p3", "source"] = Field(
        default="auto",
        description="Colour space of the result. srgb: converted to it; p3: images wider than "
        "sRGB are converted to Display P3, others stay sRGB; source: the image's own space. Other "
        "than sRGB goes with its profile. auto is source where `metadata` is icc or keep, else "
        "srgb. GIF and JPEG XL are always sRGB; grey stays grey.",
    )
    metadata: Literal["strip", "icc", "copyright", "keep"] = Field(
        default="strip",
        description="strip: convert to sRGB and remove all metadata; icc: keep the image's own "
        "colours with their profile, remove everything else (position, camera, texts); copyright: "
        "keep author and rights alone; keep: EXIF, IPTC, XMP and profile, as the format can hold "
        "them, without position, thumbnails and makers' private notes.",
    )
    location: bool = Field(
        default=False,
        description="With metadata keep: keep where the picture was taken, too. Never kept else.",
    )

    @model_validator(mode="after")
    def _encoding_can_do_it(self) -> Self:
        if self.format == "gif" and self.quality is not None:
            raise ValueError("gif has no quality")
        if self.format == "jpeg" and self.lossless:
            raise ValueError("jpeg cannot be lossless")
        if self.progressive and self.format not in _PROGRESSIVE:
            raise ValueError(f"{self.format} cannot be progressive")
        if (self.colours or self.dither is not None) and self.format not in _PALETTES:
            raise ValueError(f"{self.format} has no palette")
        if self.location and self.metadata != "keep":
            raise ValueError("location needs metadata keep")
        return self

    @model_validator(mode="after")
    def _there_is_something_to_search(self) -> Self:
        if self.target is not None and self.quality != "auto":
            raise ValueError("target needs quality auto")
        if self.qualities and self.quality == "auto":
            raise ValueError("qualities are numbers: leave quality auto out")
        if self.quality == "auto" and self.format == "tiff":
            raise ValueError("quality auto is for jpeg, png, webp, avif and jxl")
        if self.lossless and (self.quality == "auto" or self.max_bytes):
            raise ValueError("a lossless encoding has no quality to search")
        if self.max_bytes and self.format == "tiff" and self.quality is None:
            raise ValueError("max_bytes with tiff needs a quality")
        if not self.max_bytes_strict and self.max_bytes is None:
            raise ValueError("max_bytes_strict needs max_bytes")
        return self
