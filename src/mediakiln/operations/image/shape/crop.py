"""`image.crop`: a part of an image."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mediakiln.model.errors import OutsideImage
from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.edit import Edit, Frames, Scene, Step
from mediakiln.operations.image.pixels.formats import ACCEPTS, MEDIA_TYPES
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.operations.image.pixels.parts.box import Box
from mediakiln.operations.image.shape.crop_params import CropParams, CropStep
from mediakiln.operations.image.shape.lengths import given, pixels, quotient, rounded
from mediakiln.operations.image.shape.placing import SALIENT, inside
from mediakiln.ports.operation import Context, operation

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.parts.view import View

Size = tuple[int, int]
Find = Callable[[Size], Size]
"""Takes the size of the window that is kept; gives its left and top."""


@operation(
    "image.crop",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    capabilities=NEEDS,
    version=4,
)
def crop(source: Path, params: CropParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Cut out a part of the upright image: a box, or a size at a place, a point or by interest.

    Yields `image.{ext}`.

    Raises:
        OutsideImage: the box and the image have nothing in common.
        TooManyPixels, LimitExceeded: by the header, before anything is decoded.
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    yield chain.rendered(source, [Step(CROP, params)], params, out, context=context)


def kept(params: CropStep, width: int, height: int, find: Find) -> Box:
    """What a crop keeps of an image of this size. `find` is asked where no place is named.

    Raises:
        OutsideImage: the box and the image have nothing in common.
    """
    if given(params, "left", "top"):
        left, right = _span("width", params.left, params.width, width)
        top, bottom = _span("height", params.top, params.height, height)
        return Box(left, top, right - left, bottom - top)
    size = _size(params, width, height)
    if params.position in SALIENT and not params.focused:
        return Box(*find(size), *size)
    return Box(*inside(params, params.position, (width, height), size), *size)


def _span(
    side: str, start: int | str | None, length: int | str | None, whole: int
) -> tuple[int, int]:
    """From where to where along one side, clipped to the image."""
    first = pixels(start, whole) if start is not None else 0.0
    last = first + pixels(length, whole) if length is not None else max(float(whole), first)
    if first >= whole or last <= 0:
        raise OutsideImage(
            f"the box lies outside the image: its {side} is {whole} pixels, the box goes "
            f"from {rounded(first)} to {rounded(last)}",
            limit=whole,
            value=rounded(first),
        )
    # A box that is thinner than a pixel keeps one all the same.
    begin = min(max(rounded(first), 0), whole - 1)
    return begin, max(min(rounded(last), whole), begin + 1)


def _size(params: CropStep, width: int, height: int) -> Size:
    across = min(pixels(params.width, width) if params.width is not None else width, width)
    down = min(pixels(params.height, height) if params.height is not None else height, height)
    if params.ratio is not None:
        shape = quotient(params.ratio)
        across, down = min(across, down * shape), min(down, across / shape)
    return max(1, rounded(across)), max(1, rounded(down))


def _narrow(view: "View", params: CropStep, scene: Scene) -> "View":
    from mediakiln.operations.image.shape import focus

    whole = view.width, view.height

    def find(window: Size) -> Size:
        still = view.decoded(*focus.look(params.position, *whole)).copy_memory()
        return focus.find(still, whole, window, params.position, scene)

    return view.cropped(kept(params, *whole, find))


def _apply(frames: Frames, params: CropStep, scene: Scene) -> Frames:
    from mediakiln.operations.image.pixels.settle import settled
    from mediakiln.operations.image.shape import focus

    if params.position in SALIENT and not params.focused:
        frames = [settled(frame) for frame in frames]
    first = frames[0]

    def find(window: Size) -> Size:
        return focus.found(first, window, params.position, scene)

    box = kept(params, first.width, first.height, find)
    return [frame.extract_area(box.left, box.top, box.width, box.height) for frame in frames]


CROP = Edit("image.crop", CropStep, _apply, narrow=_narrow)
