"""`image.adjust`: tones, colours, sharpness."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.colour import Colour
from mediakiln.operations.image.pixels.edit import Edit, Frames, Scene, Step
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import ACCEPTS, MEDIA_TYPES
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, Params, operation


class AdjustStep(Params):
    """What is changed. Done in the order of these parameters, whatever order they are written."""

    normalise: bool = Field(
        default=False,
        description="Stretch the tones so that the darkest and brightest percent become black "
        "and white.",
    )
    gamma: float = Field(
        default=1.0, ge=0.1, le=10.0, description="Above 1 brightens the middle tones."
    )
    brightness: float = Field(
        default=0.0,
        ge=-100.0,
        le=100.0,
        description="Percent by which light is multiplied: -100 is black, 100 twice as bright.",
    )
    contrast: float = Field(
        default=0.0,
        ge=-100.0,
        le=100.0,
        description="Percent by which tones move away from middle grey: -100 is all grey.",
    )
    saturation: float = Field(
        default=0.0, ge=-100.0, le=300.0, description="Percent more colour: -100 has none."
    )
    hue: float = Field(
        default=0.0, ge=-360.0, le=360.0, description="Degrees by which colours are turned."
    )
    grayscale: bool = Field(default=False, description="Shades of grey only.")
    threshold: float | None = Field(
        default=None,
        ge=0.0,
        le=100.0,
        description="Black and white only: what is brighter than this many percent becomes white.",
    )
    duotone: tuple[Colour, Colour] | None = Field(
        default=None, description="Two colours, between which the shades lie: dark, then bright."
    )
    pixelate: int = Field(
        default=0, ge=0, le=1024, description="Side, in pixels, of squares of one colour."
    )
    blur: float = Field(
        default=0.0, ge=0.0, le=100.0, description="Sigma of a Gaussian blur, in pixels."
    )
    sharpen: float = Field(
        default=0.0,
        ge=0.0,
        le=10.0,
        description="Sigma of the sharpening of edges, in pixels; 0.5 to 2 is usual.",
    )

    @model_validator(mode="after")
    def _one_way_without_colours(self) -> Self:
        if self.duotone and (self.grayscale or self.threshold is not None):
            raise ValueError("duotone stands instead of grayscale and threshold")
        return self


class AdjustParams(Encoding, AdjustStep):
    """What is changed, and how the result is encoded."""


@operation(
    "image.adjust",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    version=5,
    capabilities=NEEDS,
)
def adjust(source: Path, params: AdjustParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Change brightness, contrast, colours and sharpness of an image.

    Yields `image.{ext}`.

    Raises:
        TooManyPixels, LimitExceeded: the source is larger than allowed.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: it cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    yield chain.rendered(source, [Step(ADJUST, params)], params, out, context=context)


def _apply(frames: Frames, params: AdjustStep, scene: Scene) -> Frames:  # noqa: ARG001 - an edit's signature
    from mediakiln.operations.image.look import tones

    if params.normalise:
        frames = tones.normalised(frames)
    return [tones.adjusted(frame, params) for frame in frames]


ADJUST = Edit("image.adjust", AdjustStep, _apply)
