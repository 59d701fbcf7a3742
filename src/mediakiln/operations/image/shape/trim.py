"""`image.trim`: images without the plain border around them."""

from collections.abc import Iterable, Sequence
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
from mediakiln.operations.image.pixels.parts.box import Box
from mediakiln.ports.operation import Context, Params, operation

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.parts.view import View

_DEEP: Final = 257
"""What an 8-bit threshold is multiplied by for 16 bits."""

_BLOCK: Final = 8

_HALF: Final = 127
"""Of a mask's 255."""

Edges = tuple[int, int, int, int]
"""How many pixels go on the left, on top, on the right and at the bottom."""


class TrimStep(Params):
    """Which border is removed."""

    threshold: float = Field(
        default=10.0,
        ge=0.0,
        le=255.0,
        description="How far from the border's colour, of 255, a channel may be and still belong "
        "to the border.",
    )
    border_colour: Colour | None = Field(
        default=None,
        description="The border's colour: #rrggbb[aa], or a name as in CSS. By default "
        "that of the upper left pixel.",
    )
    equal_horizontal: bool = Field(
        default=False, description="Remove as much on the left as on the right: the lesser of both."
    )
    equal_vertical: bool = Field(
        default=False, description="Remove as much on top as at the bottom: the lesser of both."
    )


class TrimParams(Encoding, TrimStep):
    """Which border is removed, and how the result is encoded."""


@operation(
    "image.trim",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    version=5,
    capabilities=NEEDS,
)
def trim(source: Path, params: TrimParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Remove a border of one colour; an image that is nothing else stays as it is.

    Yields `image.{ext}`. Of an animation every frame is cut by the one box that loses nothing.

    Raises:
        TooManyPixels, LimitExceeded: the source is larger than allowed.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    yield chain.rendered(source, [Step(TRIM, params)], params, out, context=context)


def box_within(edges: Iterable[Edges], params: TrimStep, width: int, height: int) -> Box:
    """The box that keeps what every one of the frames has inside its border."""
    left, top, right, bottom = (min(each) for each in zip(*edges, strict=True))
    if params.equal_horizontal:
        left = right = min(left, right)
    if params.equal_vertical:
        top = bottom = min(top, bottom)
    return Box(left, top, width - left - right, height - top - bottom)


def _narrow(view: "View", params: TrimStep, scene: Scene) -> "View":
    """Look at the pixels as they stream by; only what is kept is decoded again for the result."""
    from mediakiln.operations.image.pixels import sizes

    sizes.check_pixels(view.width * view.height, scene.context.max_pixels, 1)

    # A part as large as a JPEG's blocks, since of a single pixel decoders give a block's mean.
    size = min(_BLOCK, view.width), min(_BLOCK, view.height)
    corner = view.cropped(Box(0, 0, *size)).decoded(*size, target=scene.target)
    whole = view.decoded(view.width, view.height, target=scene.target)
    edges = _edges(whole, corner.getpoint(0, 0), params)
    return view.cropped(box_within([edges], params, view.width, view.height)) if edges else view


def _apply(frames: Frames, params: TrimStep, _: Scene) -> Frames:
    first = frames[0]
    corner = first.getpoint(0, 0)
    found = [_edges(frame, corner, params) for frame in frames]
    edges = [each for each in found if each]
    if not edges:
        return frames
    box = box_within(edges, params, first.width, first.height)
    return [frame.extract_area(box.left, box.top, box.width, box.height) for frame in frames]


def _edges(image: Any, corner: list[float], params: TrimStep) -> Edges | None:
    """How much of a frame is border, on each side; None if it is nothing else.

    A border that is transparent is looked for in the alpha band, since what colour such pixels
    have means nothing; any other border in the colours, over its own where they are transparent.
    """
    from mediakiln.operations.image.shape import paint

    colour: Sequence[float] = corner
    if params.border_colour:
        image, colour = paint.ready(image, params.border_colour)
    if image.hasalpha() and not colour[-1]:
        image, colour = image[image.bands - 1], [0.0]
    elif image.hasalpha():
        image, colour = image.flatten(background=list(colour[:-1])), colour[:-1]
    threshold = params.threshold * (_DEEP if image.format == "ushort" else 1)
    return _around(((image - list(colour)).abs() > threshold).bandor())


def _around(mask: Any) -> Edges | None:
    """How far the marked pixels of a mask are from its sides; None if there are none.

    Each pixel goes with the majority of the nine around it, so that specks do not count. libvips'
    own find_trim takes the median of every band for that, which is ten times the work.
    """
    import pyvips

    near = pyvips.Image.new_from_array([[1] * 3] * 3, scale=9)
    columns, rows = (mask.conv(near, precision="integer") > _HALF).project()
    across, down = _margins(columns), _margins(rows)
    return (across[0], down[0], across[1], down[1]) if across and down else None


def _margins(sums: Any) -> tuple[int, int] | None:
    """How many zeros a line of 32-bit sums begins and ends with; None if it has nothing else."""
    marked = [n for n, value in enumerate(memoryview(sums.write_to_memory()).cast("I")) if value]
    if not marked:
        return None
    return marked[0], max(sums.width, sums.height) - 1 - marked[-1]


TRIM = Edit("image.trim", TrimStep, _apply, rereads=True, narrow=_narrow)
