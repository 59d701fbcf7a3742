"""`image.watermark`: another image, or words, over an image."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, Self
from unicodedata import category

from pydantic import Field, model_validator

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.look.reference import AssetId, named
from mediakiln.operations.image.pixels.colour import Colour
from mediakiln.operations.image.pixels.edit import Edit, Frames, Scene, Step
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import ACCEPTS, MEDIA_TYPES
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.operations.image.shape.lengths import Length, Shift
from mediakiln.operations.image.shape.placing import Offsets, Place
from mediakiln.ports.operation import Context, operation

MAX_TEXT: Final = 500


class WatermarkStep(Offsets):
    """What is laid over the image, where, how large and how strong."""

    image: AssetId | None = Field(
        default=None, description="Id of an asset of the same project: an image."
    )
    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_TEXT,
        description="Words instead of an image; lines are parted by line feeds.",
    )
    wrap: bool = Field(
        default=False,
        description="Whether lines of words are broken, too, between words, so that letters become "
        "as large as fits into `width` and `height`.",
    )
    width: Length | Literal["own"] = Field(
        default="25%",
        description="Width of the mark in pixels, or percent of the image's width; its height "
        "follows. own: an image as large as it is.",
    )
    height: Length | None = Field(
        default=None,
        description="Height in pixels, or percent of the image's height, that the mark is fitted "
        "into beside `width`.",
    )
    overflow: bool = Field(
        default=False,
        description="Whether the mark may be larger than the image, and stick out of it; what "
        "does is cut off. Else it is made smaller, and moved inwards.",
    )
    opacity: float = Field(default=0.5, gt=0.0, le=1.0, description="1 hides what is behind it.")
    position: Place = Field(default="south-east", description="Where it lies.")
    angle: float = Field(
        default=0.0, ge=-180.0, le=180.0, description="Degrees by which it is turned clockwise."
    )
    tile: bool = Field(
        default=False,
        description="Cover the whole image with it, from the upper left corner on; with position "
        "centre from the middle on.",
    )
    gap: Shift = Field(
        default="50%",
        description="Between tiles: pixels, or percent of the mark's own width and height.",
    )
    space_x: Shift | None = Field(
        default=None,
        description="Between tiles that are side by side, instead of `gap`: pixels, or percent "
        "of the image's width.",
    )
    space_y: Shift | None = Field(
        default=None,
        description="Between tiles one above the other, instead of `gap`: pixels, or percent of "
        "the image's height.",
    )
    font: str | None = Field(
        default=None,
        max_length=100,
        description="Family and style of words, such as `DejaVu Sans Bold`, among the fonts of "
        "the machine, which takes the nearest for one that it lacks, and draws boxes for letters "
        "that none has; by default one that comes along, which has Latin letters.",
    )
    text_colour: Colour = Field(default="#ffffffff", description="Colour of words.")
    outline: Colour | None = Field(
        default=None, description="Colour of a line around letters, for grounds of any colour."
    )

    @model_validator(mode="after")
    def _one_mark(self) -> Self:
        if (self.image is None) == (self.text is None):
            raise ValueError("give image or text")
        if self.text is not None and self.width == "own":
            raise ValueError("words have no width of their own")
        if self.wrap and self.text is None:
            raise ValueError("wrap needs text")
        return self

    @model_validator(mode="after")
    def _words_can_be_shown(self) -> Self:
        if self.text is None:
            return self
        kinds = {category(sign) for sign in self.text if sign not in "\n\t"}
        if "Cc" in kinds:
            raise ValueError("text has control characters")
        if all(kind == "Cf" or kind.startswith("Z") for kind in kinds):
            raise ValueError("text shows nothing")
        return self


class WatermarkParams(Encoding, WatermarkStep):
    """The mark, and how the result is encoded."""


def _others(params: WatermarkStep) -> list[str]:
    return named(params, "image")


@operation(
    "image.watermark",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    capabilities=NEEDS,
    inputs=_others,
    version=4,
)
def watermark(
    source: Path, params: WatermarkParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Lay another image or words over an image: once, or all over it.

    Yields `image.{ext}`.

    Raises:
        TooManyPixels, LimitExceeded: an image, or the mark, is larger than allowed.
        InvalidRecipe: the words are blank in the font.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: an image cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    yield chain.rendered(source, [Step(WATERMARK, params)], params, out, context=context)


def _apply(frames: Frames, params: WatermarkStep, scene: Scene) -> Frames:
    from mediakiln.operations.image.look import layers, marks

    width, height = frames[0].width, frames[0].height
    mark = marks.mark(params, width, height, scene)
    layer, left, top = marks.placed(mark, params, width, height)
    return [layers.over(frame, layer, left, top) for frame in frames]


WATERMARK = Edit("image.watermark", WatermarkStep, _apply, others=_others)
