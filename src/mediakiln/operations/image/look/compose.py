"""`image.compose`: another image blended over or under an image, or cutting it out."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import Field, model_validator

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.look.reference import AssetId, named
from mediakiln.operations.image.pixels.edit import Edit, Frames, Scene, Step
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import ACCEPTS, MEDIA_TYPES
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.operations.image.shape.lengths import Length, pixels, rounded
from mediakiln.operations.image.shape.placing import Offsets, Place, inside
from mediakiln.ports.operation import Context, operation

if TYPE_CHECKING:
    from mediakiln.operations.image.look.layers import Other

_MODES: Final = {"dodge": "colour-dodge", "burn": "colour-burn", "under": "dest-over"}
"""libvips' names, where they differ."""


class ComposeStep(Offsets):
    """Which image is laid over, where and how; or which one cuts out."""

    image: AssetId | None = Field(
        default=None, description="Id of an asset of the same project: the image laid over."
    )
    mask: AssetId | None = Field(
        default=None,
        description="Id of an asset of the same project: an image, stretched over this one, that "
        "cuts it out: where it is black or transparent, nothing stays.",
    )
    mode: Literal[
        "over",
        "under",
        "multiply",
        "screen",
        "overlay",
        "darken",
        "lighten",
        "dodge",
        "burn",
        "hard-light",
        "soft-light",
        "difference",
        "exclusion",
        "add",
    ] = Field(default="over", description="How colours mix, as in CSS and PDF.")
    width: Length | None = Field(
        default=None,
        description="Width of the image laid over: pixels, or percent of this one's width. "
        "Without width and height it has its own size, or what fits.",
    )
    height: Length | None = Field(
        default=None,
        description="Height of the image laid over: pixels, or percent of this one's height.",
    )
    opacity: float = Field(default=1.0, gt=0.0, le=1.0, description="Of the image laid over.")
    position: Place = Field(default="centre", description="Where it lies.")

    @model_validator(mode="after")
    def _something_is_composed(self) -> Self:
        if self.image is None and self.mask is None:
            raise ValueError("give image, mask or both")
        return self


class ComposeParams(Encoding, ComposeStep):
    """What is composed, and how the result is encoded."""


def _others(params: ComposeStep) -> list[str]:
    return named(params, "image", "mask")


@operation(
    "image.compose",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    version=6,
    capabilities=NEEDS,
    inputs=_others,
)
def compose(
    source: Path, params: ComposeParams, out: Path, *, context: Context
) -> Iterable[Product]:
    """Blend another image over an image, or cut it out by a mask; first over, then out.

    Yields `image.{ext}`.

    Raises:
        TooManyPixels, LimitExceeded: an image is larger than allowed.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: an image cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    yield chain.rendered(source, [Step(COMPOSE, params)], params, out, context=context)


def _apply(frames: Frames, params: ComposeStep, scene: Scene) -> Frames:
    from mediakiln.operations.image.look import layers

    size = frames[0].width, frames[0].height
    if params.image is not None:
        layer = _sized(layers.opened(params.image, scene), params, size)
        if params.opacity < 1:
            layer = layers.fainter(layer, params.opacity)
        left, top = inside(params, params.position, size, (layer.width, layer.height))
        mode = _MODES.get(params.mode, params.mode)
        frames = [layers.over(frame, layer, left, top, mode) for frame in frames]
    if params.mask is not None:
        mask = layers.opened(params.mask, scene).at(*size)
        frames = [layers.cut(frame, mask) for frame in frames]
    return frames


def _sized(other: "Other", params: ComposeStep, size: tuple[int, int]) -> Any:
    wide, high = (
        None if length is None else min(max(1, rounded(pixels(length, side))), side)
        for length, side in zip((params.width, params.height), size, strict=True)
    )
    if wide and high:
        return other.at(wide, high)
    own = other.picture.width, other.picture.height
    room = (wide or size[0], high or size[1])
    if wide or high:
        return other.inside(*room)
    return other.inside(min(room[0], own[0]), min(room[1], own[1]))


COMPOSE = Edit("image.compose", ComposeStep, _apply, others=_others)
