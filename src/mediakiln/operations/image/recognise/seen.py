"""Let a recogniser look at an image of a size that it works well at."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from mediakiln.model.errors import LimitExceeded
from mediakiln.operations.image.recognise.found import Found, Pixels, Recogniser
from mediakiln.ports.operation import Context
from mediakiln.ports.recogniser import Wanted

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.picture import Picture

_COLOURS: Final = 3
_WHITE: Final = [255, 255, 255]
_QUALITIES: Final = (90, 75, 50, 25)
_MOST_TIMES: Final = 100
"""What is cut off may make an image this many times as long; longer ones are squeezed."""


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
    size = max(1, round(opened.width * scale)), max(1, round(opened.height * scale))
    found = recogniser(_decoded(opened, size))
    size = opened.width, opened.height
    return [replace(thing, box=thing.box.scaled(1 / scale)) for thing in found], size


def in_frame(frame: Any, recogniser: Recogniser, side: int) -> Sequence[Found]:
    """What is found in a libvips image, in its pixels.

    The recogniser sees it with its longer side at most `side` pixels long.
    """
    scale = min(1.0, side / max(frame.width, frame.height))
    if scale < 1:
        size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        frame = frame.thumbnail_image(size[0], height=size[1], size="force")
    return [replace(thing, box=thing.box.scaled(1 / scale)) for thing in recogniser(rgb(frame))]


class Still:
    """The first frame of an image, as recognisers with an input of one size want to see it.

    Raises:
        UnsupportedMedia, EmptyFile, BadMedia, ModelUnavailable: the source cannot be read.
        TooManyPixels, LimitExceeded: it is larger than allowed.
    """

    def __init__(self, source: Path, context: Context) -> None:
        from mediakiln.operations.image.pixels import engine, picture

        engine.setup(context.threads)
        self._opened = picture.open_picture(source, context)

    def fitted(self, width: int, height: int, fit: Literal["cover", "fill", "contain"]) -> Pixels:
        """The image in `width` x `height` pixels: cut, stretched, or whole on black.

        Raises:
            BadMedia: it cannot be decoded.
        """
        if fit == "fill":
            return _three(_decoded(self._opened, (width, height)))
        scales = width / self._opened.width, height / self._opened.height
        scale = max(scales) if fit == "cover" else min(scales)
        across = min(max(1, round(self._opened.width * scale)), _MOST_TIMES * width)
        down = min(max(1, round(self._opened.height * scale)), _MOST_TIMES * height)
        left, top = abs(across - width) // 2, abs(down - height) // 2
        if fit == "cover":
            return _three(_decoded(self._opened, (across, down), (left, top, width, height)))
        import numpy as np

        canvas = np.zeros((height, width, _COLOURS), dtype=np.uint8)
        whole = _three(_decoded(self._opened, (across, down)))
        canvas[top : top + down, left : left + across] = whole
        return canvas

    def jpeg(self, wanted: Wanted) -> bytes:
        """The whole image as a JPEG within bounds: no metadata, black where it is too narrow.

        Raises:
            BadMedia: it cannot be decoded.
            LimitExceeded: even at a low quality it has too many bytes.
        """
        from mediakiln.operations.image.pixels import engine

        width, height = _within(wanted, self._opened.width, self._opened.height)
        across, down = max(width, wanted.shortest_side), max(height, wanted.shortest_side)
        with engine.translated():
            image = _opaque(self._opened.scaled(width, height, frames=False))
            if (across, down) != (width, height):
                left, top = (across - width) // 2, (down - height) // 2
                image = image.embed(left, top, across, down)
            image = image.copy_memory()  # it is read once, and may be written more often
            for quality in _QUALITIES:
                made: bytes = image.jpegsave_buffer(Q=quality, keep="none")
                if len(made) <= wanted.max_bytes:
                    return made
        raise LimitExceeded(
            f"as a JPEG the image has {len(made):,} bytes; at most {wanted.max_bytes:,} are taken",
            limit=wanted.max_bytes,
            value=len(made),
        )


def _within(wanted: Wanted, width: int, height: int) -> tuple[int, int]:
    """The size at which an image is shown, as large as it is where that is allowed."""
    scale = min(1.0, wanted.longest_side / max(width, height))
    if min(width, height) * scale < wanted.shortest_side:
        scale = min(
            wanted.shortest_side / min(width, height), wanted.longest_side / max(width, height)
        )
    most = wanted.longest_side
    return min(max(1, round(width * scale)), most), min(max(1, round(height * scale)), most)


def _three(pixels: Pixels) -> Pixels:
    """With three channels, also of a grey image."""
    if pixels.ndim == _COLOURS and pixels.shape[2] == _COLOURS:
        return pixels
    import numpy as np

    return np.repeat(pixels.reshape(*pixels.shape[:2], -1)[:, :, :1], _COLOURS, axis=2)


def _decoded(
    opened: "Picture", size: tuple[int, int], cut: tuple[int, int, int, int] | None = None
) -> Pixels:
    """The first frame at this size; of it, where `cut` is given, left, top, width, height only."""
    from mediakiln.operations.image.pixels import engine

    with engine.translated():
        scaled = opened.scaled(*size, frames=False)
        return rgb(scaled if cut is None else scaled.crop(*cut))


def rgb(image: Any) -> Pixels:
    """The pixels of a libvips image, in sRGB, on white."""
    return _opaque(image).numpy()


def _opaque(image: Any) -> Any:
    """A libvips image in sRGB, on white."""
    if image.hasalpha():
        image = image.flatten(background=_WHITE if image.bands > _COLOURS else _WHITE[:1])
    return image.colourspace("srgb")
