"""Let a recogniser look at an image of a size that it works well at."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mediakiln.operations.image.recognise.found import Found, Pixels, Recogniser
from mediakiln.ports.operation import Context

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.picture import Picture

_COLOURS: Final = 3
_WHITE: Final = [255, 255, 255]


def things(
    source: Path, recogniser: Recogniser, side: int, context: Context
) -> tuple[Sequence[Found], tuple[int, int]]:
    """What is found in the first frame, in pixels of the upright image, and the image's size.

    The recogniser sees it with its longer side at most `side` pixels long.

    Raises:
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """
    from mediakiln.operations.image.pixels import engine, picture

    engine.setup(context.threads)
    opened = picture.open_picture(source, context)
    scale = min(1.0, side / max(opened.width, opened.height))
    size = [max(1, round(length * scale)) for length in (opened.width, opened.height)]
    return [
        Found(thing.box.scaled(1 / scale), thing.confidence, thing.text, thing.format)
        for thing in recogniser(_decoded(opened, *size))
    ], (opened.width, opened.height)


def _decoded(opened: "Picture", width: int, height: int) -> Pixels:
    from mediakiln.operations.image.pixels import engine

    with engine.translated():
        return rgb(opened.scaled(width, height, frames=False))


def rgb(image: Any) -> Pixels:
    """The pixels of a libvips image, in sRGB, on white."""
    if image.hasalpha():
        image = image.flatten(background=_WHITE if image.bands > _COLOURS else _WHITE[:1])
    return image.colourspace("srgb").numpy()
