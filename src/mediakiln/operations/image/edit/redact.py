"""`image.redact`: faces, codes, text or given places made unrecognisable."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from mediakiln.model.kind import Kind
from mediakiln.model.product import Product
from mediakiln.operations.image.pixels.colour import Colour
from mediakiln.operations.image.pixels.edit import Edit, Frames, Scene, Step
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import ACCEPTS, MEDIA_TYPES
from mediakiln.operations.image.pixels.needs import NEEDS
from mediakiln.ports.operation import Context, OperationCapabilities, Params, operation

if TYPE_CHECKING:
    from mediakiln.operations.image.recognise.found import Box

SIDE: Final = 4_000
"""Pixels of the longer side that are looked at; larger frames are scaled down to it for looking."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Place(Params):
    """A rectangle in fractions of the image."""

    left: Fraction = Field(description="From the left edge.")
    top: Fraction = Field(description="From the upper edge.")
    width: Fraction = Field(description="Its width.")
    height: Fraction = Field(description="Its height.")


class RedactStep(Params):
    """What is hidden, and how."""

    what: tuple[Literal["faces", "codes", "text"], ...] = Field(
        default=(), description="What is looked for: faces, codes, text."
    )
    places: tuple[Place, ...] = Field(
        default=(),
        max_length=100,
        description="Rectangles to hide beside what is found, in fractions of the upright image: "
        "left, top, width, height.",
    )
    method: Literal["blur", "pixelate", "fill"] = Field(
        default="blur",
        description="blur and pixelate first reduce the place to `blocks` x `blocks` pixels, so "
        "that nothing can be brought back; fill covers it with `fill_colour`.",
    )
    blocks: int = Field(
        default=6, ge=1, le=16, description="What is left of a place, in pixels a side."
    )
    fill_colour: Colour = Field(default="#000000ff", description="What fill covers with.")
    margin: float = Field(
        default=0.15, ge=0.0, le=1.0, description="How far a place is widened, in its own size."
    )

    @model_validator(mode="after")
    def _something_is_hidden(self) -> Self:
        if not (self.what or self.places):
            raise ValueError("give what, places or both")
        return self


class RedactParams(Encoding, RedactStep):
    """What is hidden, how, and how the result is encoded."""


@operation(
    "image.redact",
    Kind.IMAGE,
    accepts=ACCEPTS,
    produces=tuple(MEDIA_TYPES.values()),
    version=6,
    capabilities=OperationCapabilities(
        wall_s=180.0,
        memory_mb=3072,
        heavy=True,
        preload=(*NEEDS.preload, "cv2", "zxingcpp"),
        tools=(*NEEDS.tools, "opencv-python-headless", "zxing-cpp", "rapidocr"),
    ),
)
def redact(source: Path, params: RedactParams, out: Path, *, context: Context) -> Iterable[Product]:
    """Blur, pixelate or cover faces, codes, text or given places, in every frame.

    Yields `image.{ext}`. What a recogniser does not find stays to be seen. It looks at a frame with
    at most 4,000 pixels of the longer side.

    Raises:
        ModelUnavailable: a recogniser's library is not installed.
        TooManyPixels, LimitExceeded: the source is larger than allowed.
        UnsupportedMedia, EmptyFile, BadMedia: it cannot be read.
    """
    from mediakiln.operations.image.pixels import chain

    yield chain.rendered(source, [Step(REDACT, params)], params, out, context=context)


def _apply(frames: Frames, params: RedactStep, scene: Scene) -> Frames:  # noqa: ARG001 - an edit's signature
    from mediakiln.operations.image.recognise import reused

    hidden = [_hidden(frame, params) for frame in frames]
    if "text" in params.what:
        reused.give_back()  # a room's child that is small goes on to other images, models loaded
    return hidden


def _hidden(frame: Any, params: RedactStep) -> Any:
    from mediakiln.operations.image.shape import paint

    if params.method == "fill":
        frame, _ = paint.ready(frame, params.fill_colour)
    for box in _boxes(frame, params):
        left, top = max(0, int(box.left)), max(0, int(box.top))
        right = min(frame.width, -int(-(box.left + box.width) // 1))
        bottom = min(frame.height, -int(-(box.top + box.height) // 1))
        if right > left and bottom > top:
            patch = _covered(frame.crop(left, top, right - left, bottom - top), params)
            frame = frame.insert(patch, left, top).copy_memory()
    return frame


def _boxes(frame: Any, params: RedactStep) -> "Sequence[Box]":
    from mediakiln.operations.image.recognise import finders, seen
    from mediakiln.operations.image.recognise.found import Box

    width, height = frame.width, frame.height
    boxes = [
        Box(place.left * width, place.top * height, place.width * width, place.height * height)
        for place in params.places
    ]
    finder = {"faces": finders.faces, "codes": finders.codes, "text": finders.text}
    for what in params.what:
        found = seen.in_frame(frame, finder[what], SIDE)
        boxes += [_widened(thing.box, params.margin) for thing in found]
    return boxes


def _widened(box: "Box", margin: float) -> "Box":
    across, down = box.width * margin, box.height * margin
    return type(box)(
        box.left - across, box.top - down, box.width + 2 * across, box.height + 2 * down
    )


def _covered(patch: Any, params: RedactStep) -> Any:
    from mediakiln.operations.image.shape import paint

    if params.method == "fill":
        solid = params.fill_colour[: len("#rrggbb")] + "ff"
        return patch.new_from_image(paint.ink(patch, solid)).cast(patch.format)
    return paint.mixed(patch, lambda pixels: _reduced(pixels, params))


def _reduced(patch: Any, params: RedactStep) -> Any:
    """The patch with no more in it than few pixels hold."""
    from mediakiln.operations.image.look import soft

    width, height = patch.width, patch.height
    few = patch.resize(
        min(1.0, params.blocks / width), vscale=min(1.0, params.blocks / height), kernel="linear"
    )
    across, down = width / few.width, height / few.height
    if params.method == "pixelate":
        large = few.resize(across, vscale=down, kernel="nearest")
    else:
        large = few.resize(across, vscale=down, kernel="cubic")
        large = soft.blurred(large, max(width, height) / params.blocks / 2)
    return large.gravity("centre", width, height, extend="copy")


REDACT = Edit("image.redact", RedactStep, _apply, rereads=True)
