"""`image.rotate`: turned and mirrored images."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.colour import Colour
from mediakiln.operations.image.pixels.edit import Edit, Frames, Scene, Step
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import ACCEPTS, MEDIA_TYPES
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.operations.image.pixels.parts.box import FLIPPED, UNTURNED, Turn
from mediakiln.ports.operation import Context, Params, operation

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.parts.view import View
    from mediakiln.operations.image.pixels.picture import Picture

_QUARTER: Final = 90
_CLEAR: Final = "#00000000"


class RotateStep(Params):
    """How an image is turned and mirrored; mirrored first."""

    angle: float = Field(
        default=0.0,
        ge=-360.0,
        le=360.0,
        description="Degrees clockwise. Multiples of 90 move pixels and change none; other angles "
        "make the image larger, so that its corners stay in.",
    )
    flip_horizontal: bool = Field(
        default=False, description="Mirror left to right, before turning."
    )
    flip_vertical: bool = Field(default=False, description="Mirror top to bottom, before turning.")
    orient: bool = Field(
        default=True,
        description="Images are turned upright when they are opened, as their EXIF orientation "
        "says; false takes that back, for cameras that say it wrongly.",
    )
    background: Colour | None = Field(
        default=None,
        description="Colour of the corners that an angle opens: #rrggbb[aa], white, black or "
        "transparent (the default).",
    )


class RotateParams(Encoding, RotateStep):
    """How an image is turned and mirrored, and how it is encoded."""


@operation(
    "image.rotate",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    capabilities=NEEDS,
    version=4,
)
def rotate(source: Path, params: RotateParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Turn an image by any angle, and mirror it.

    Yields `image.{ext}`.

    Raises:
        TooManyPixels, LimitExceeded: the source, or the result, is larger than allowed.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    yield chain.rendered(source, [Step(ROTATE, params)], params, out, context=context)


def turn_of(params: RotateStep, picture: "Picture") -> Turn:
    """The part of a rotation that moves whole pixels: what mirrors, and quarter turns."""
    turn = UNTURNED if params.orient else picture.upright.inverse
    if params.flip_horizontal:
        turn = turn.then(Turn(mirrored=True))
    if params.flip_vertical:
        turn = turn.then(FLIPPED)
    if params.angle % _QUARTER == 0:
        turn = turn.then(Turn(quarters=int(params.angle // _QUARTER) % 4))
    return turn


def _narrow(view: "View", params: RotateStep, scene: Scene) -> "View | None":
    if params.angle % _QUARTER:
        return None
    return view.turned(turn_of(params, scene.picture))


def _apply(frames: Frames, params: RotateStep, scene: Scene) -> Frames:
    from mediakiln.operations.image.pixels.settle import settled

    turn = turn_of(params, scene.picture)
    slanted = params.angle % _QUARTER != 0
    if slanted or not turn.streams:
        frames = [settled(frame) for frame in frames]
    frames = [turn.apply(frame) for frame in frames]
    return [_slanted(frame, params) for frame in frames] if slanted else frames


def _slanted(frame: Any, params: RotateStep) -> Any:
    import pyvips

    from mediakiln.operations.image.shape import paint

    frame, ink = paint.ready(frame, params.background or _CLEAR)
    smooth = pyvips.Interpolate.new("bicubic")
    return frame.similarity(angle=params.angle, background=ink, interpolate=smooth)


ROTATE = Edit("image.rotate", RotateStep, _apply, narrow=_narrow)
