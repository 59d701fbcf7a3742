"""An image that is open but not yet decoded: its size is known, and it can be had at any size."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyvips

from mediakiln.model.errors import (
    EmptyFile,
    LimitExceeded,
    TooManyPixels,
    UnsupportedMedia,
)
from mediakiln.operations.image.pixels import engine, kept, raster
from mediakiln.operations.image.pixels.codecs import (
    adam7,
    counting,
    drawing,
    progressive,
    rows,
    sequence,
)
from mediakiln.operations.image.pixels.codecs.strips import Strips
from mediakiln.operations.image.pixels.formats import HEAD_BYTES, Format, sniff
from mediakiln.operations.image.pixels.managed import declared, extra, space
from mediakiln.operations.image.pixels.managed.declared import Declared
from mediakiln.operations.image.pixels.managed.target import BYTE, SRGB, Target
from mediakiln.operations.image.pixels.parts import frame, pyramid, whole
from mediakiln.operations.image.pixels.parts.box import UNTURNED, UPRIGHT, Box, Turn
from mediakiln.ports.operation import Context

_STRICT = "fail_on=error"
"""Missing or undecodable data is an error; odd bytes that a decoder skips are not."""
_FRAMES = frozenset({"gif", "webp", "avif", "png"})
OVERSAMPLED: Final = 2
"""A decoder that shrinks leaves at least so many times the result's width and height, so that
most of the shrinking is done by a better filter than its own."""
ROUNDED: Final = 1.02
"""How far below that rounding a side to whole pixels may bring it."""
DECODED_AT: Final = (1, 2, 4, 8)
"""How far decoders shrink."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One image. `width` and `height` are those of an upright frame, in pixels."""

    format: Format
    width: int
    height: int
    frames: int
    alpha: bool
    header: Any
    """The undecoded libvips image: its fields and nothing else are read."""
    source: Any
    """A libvips source, or None where the pixels are in `header` already."""
    all_frames: Callable[[], Any] | None = None
    """Decodes them, where that is done by another decoder than the first frame's."""
    declared: Declared | None = None
    """Its colour space, where the file names one without a profile."""
    path: Path | None = None
    """Of the file, where `source` reads it."""
    passes: adam7.Passes | Strips | extra.Shown | None = None
    """Gives the pixels in place of `source`, where its decoder would hold all of them."""

    @property
    def vector(self) -> bool:
        """Whether it has no pixels of its own."""
        return self.format == "svg"

    @property
    def animated(self) -> bool:
        """Whether it holds frames, as opposed to pages."""
        return self.frames > 1 and self.format in _FRAMES

    def scaled(self, width: int, height: int, *, frames: bool, target: Target = SRGB) -> Any:
        """Upright, at exactly this size, in the target's colours: a lazy libvips image.

        The decoder itself shrinks where it can. The result is grey or RGB, and carries a profile
        only if it is not sRGB. `frames` stacks all of them vertically, as libvips does, and
        needs an animated picture.
        """
        if self._converts_first(target):
            image = self._shrunk_whole(width, height)
            return space.sized(self._converted(image, target), width, height)
        options = {**self._conversion(target), "height": height, "size": "force"}
        if frames and self.all_frames is not None:
            return self._scaled_frames(self.all_frames(), width, height, target)
        if self.source is None or self.passes is not None:
            pixels = self.passes.opened() if self.passes else self.header
            image = pixels.thumbnail_image(width, **options)
        elif self.format == "jpeg" or self.vector:
            image = self._shrunk_whole(width, height).thumbnail_image(width, **options)
        else:
            # As an option of the loader: thumbnail_source ignores its own argument fail_on.
            loading = _STRICT + (",n=-1" if frames else "")
            image = pyvips.Image.thumbnail_source(
                self.source, width, option_string=loading, **options
            )
        return self._finished(image, target)

    def part(self, box: Box, width: int, height: int, *, target: Target = SRGB) -> Any:
        """A part of the first frame at exactly this size, otherwise as `scaled` gives it.

        The box and the result are as the file stores its pixels: `upright` is not done yet.
        """
        image, box = self._shrunk(box, width, height)
        cut = image.extract_area(box.left, box.top, box.width, box.height)
        if self._converts_first(target):
            return space.sized(self._converted(cut, target), width, height, upright=True)
        options = {**self._conversion(target), "height": height, "size": "force"}
        return self._finished(cut.thumbnail_image(width, no_rotate=True, **options), target)

    @property
    def upright(self) -> Turn:
        """What turns the pixels as they are stored upright."""
        if isinstance(self.passes, Strips):
            return UPRIGHT.get(self.passes.orientation, UNTURNED)
        if self.source is None or not has(self.header, "orientation"):
            return UNTURNED
        return UPRIGHT.get(self.header.get("orientation"), UNTURNED)

    def _shrunk_whole(self, width: int, height: int) -> Any:
        """The stored image, for a result that has this size once it is upright."""
        stored = self.upright.inverse
        across, down = stored.size(self.width, self.height)
        image, _ = self._shrunk(Box(0, 0, across, down), *stored.size(width, height))
        return image

    def _shrunk(self, box: Box, width: int, height: int) -> tuple[Any, Box]:
        """The stored image, shrunk by its decoder where it can, and the box in it."""
        if self.source is None or self.passes is not None:
            return self.passes.opened() if self.passes else self.header, box
        options: dict[str, Any] = {"access": "sequential"}
        factor = 1.0
        enough = max(min(box.width / width, box.height / height) / OVERSAMPLED * ROUNDED, 1.0)
        if self.vector:
            factor = min(box.width / width, box.height / height)
            options["scale"] = 1 / factor
        elif self.format == "jpeg":
            # Its decoder leaves high frequencies out, a good filter: it may shrink all the way.
            whole = self.header.width, self.header.height
            factor = max(
                n for n in DECODED_AT if n <= enough or _ends(box, n, whole, width, height)
            )
            options["shrink"] = factor
        elif self.format == "webp":
            factor = max(n for n in DECODED_AT if n <= enough)
            options["scale"] = 1 / factor
        elif self.format == "tiff":
            level = pyramid.level(self.source, self.header, self.frames, enough)
            factor = 2.0**level
            options["page"] = level
            if has(self.header, "tile-width"):
                del options["access"]
        image = engine.loaded(self.source, self.format, **options)
        if self.format == "avif":
            image = space.stretched(image, self.header.get("bits-per-sample"))
        return image, box.shrunk(factor, image.width, image.height)

    def _converts_first(self, target: Target) -> bool:
        """Whether colours are converted before pixels are scaled, since libvips would lose some."""
        if self.vector:
            return False
        return target.depth > BYTE or not space.displayed(self.header)

    def _conversion(self, target: Target) -> dict[str, Any]:
        """Libvips' options that convert what it scaled."""
        to = space.destination(self.header, space.profile_of(self.header), target)
        return {"output_profile": to} if to else {}

    def _scaled_frames(self, stack: Any, width: int, height: int, target: Target) -> Any:
        scaled = [
            frame.thumbnail_image(width, height=height, size="force", **self._conversion(target))
            for frame in stack.pagesplit()
        ]
        image = pyvips.Image.arrayjoin(scaled, across=1).copy()
        image.set_type(pyvips.GValue.gint_type, "page-height", height)
        for name in ("delay", "loop"):
            image.set_type(stack.get_typeof(name), name, stack.get(name))
        return self._finished(image, target)

    def _converted(self, image: Any, target: Target) -> Any:
        """Pixels in the target's colours, of pixels in the source's."""
        if self.declared is not None and (named := self.declared.profile_of(image)):
            image = space.with_profile(image, named)
        return space.converted(image, target)

    def _finished(self, image: Any, target: Target) -> Any:
        """Scaled pixels in the target's colours."""
        if self.declared is not None:
            return self._converted(image, target)
        to = space.destination(self.header, space.profile_of(self.header), target)
        image = space.as_grey(image) if space.grey(self.header) else image
        return space.finished(image, target, to)


def _ends(box: Box, factor: int, whole: tuple[int, int], width: int, height: int) -> bool:
    """Whether a box begins and ends with a decoder's blocks, and has no less than this size then.

    At the end of the whole image there may be a part of a block; libvips leaves it out.
    """
    right, bottom = box.left + box.width, box.top + box.height
    parted = (at % factor and at != end for at, end in zip((right, bottom), whole, strict=True))
    if box.left % factor or box.top % factor or any(parted):
        return False
    return box.width // factor >= width and box.height // factor >= height


def open_picture(path: Path, context: Context) -> Picture:
    """Read the header and hold it against the limits; nothing is decoded yet where libvips reads.

    Raises:
        EmptyFile, UnsupportedMedia, BadMedia, ModelUnavailable: it cannot be read.
        TooManyPixels, LimitExceeded: it is larger than the context allows.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise EmptyFile
    name = sniff(head)
    if name is None:
        raise UnsupportedMedia("the file is not an image of a known format")
    whole.check(path, name)
    if raster.decodes(path, name):
        decoded = kept.find_decoded(path) or raster.decode(path, name, context.max_pixels)
        image = decoded.image
        if context.again:
            kept.keep_decoded(path, decoded, image)
        size = image.width, image.height
        opened = Picture(name, *size, 1, image.hasalpha(), image, None, passes=decoded.strips)
        across, down = opened.upright.size(*size)
        return replace(opened, width=across, height=down, declared=decoded.declared)
    moving = sequence.announced(name, head)
    if moving and name == "avif":
        # libvips knows no sequences of AVIF.
        first = sequence.read(path, name, context.max_pixels, first=True)
        picture = Picture(name, first.width, first.height, 1, first.hasalpha(), first, None)
        picture = replace(picture, declared=_declared(first, name, path))
    else:
        _check_frames(counting.most_frames(path, name, context.max_frames), context.max_frames)
        if name == "svg":
            drawing.check(path, context.max_pixels)
        with engine.translated():
            picture = _from_header(path, name)
    if moving:
        decode = partial(sequence.read, path, name, context.max_pixels)
        picture = replace(picture, frames=sequence.count(path, name), all_frames=decode)
    _check(picture, path, context)
    return picture


def has(image: Any, field: str) -> bool:
    """Whether a libvips image carries a header field."""
    return bool(image.get_typeof(field))


def _from_header(path: Path, name: Format) -> Picture:
    source = engine.open_source(path)
    header = engine.loaded(source, name, access="sequential")
    # Not get_n_pages: it takes more than 10,000 for a mistake, and says 1.
    frames = header.get("n-pages") if has(header, "n-pages") else 1
    shown = extra.shown(source, header, path) if name == "tiff" else None
    header = shown.of(header) if shown else header
    width, height = header.width, header.height
    opened = Picture(name, width, height, frames, header.hasalpha(), header, source, path=path)
    width, height = opened.upright.size(width, height)
    large = adam7.Passes(path, header) if adam7.vast(name, header) else frame.large(path, header)
    if name == "gif" and frames == 1 and (strips := rows.indexed(path, header)):
        # libvips' own header would keep all of the file in memory.
        return replace(opened, header=strips.header, source=None, passes=strips)
    named = _declared(header, name, path)
    return replace(opened, width=width, height=height, declared=named, passes=shown or large)


def _declared(header: Any, name: Format, path: Path) -> Declared | None:
    """What the file names beside a profile, which goes before it."""
    return None if space.profile_of(header) else declared.by_file(name, path, header)


def _check(picture: Picture, path: Path, context: Context) -> None:
    pixels = picture.width * picture.height
    if pixels > context.max_pixels and not picture.vector:
        said = f"the image has {pixels} pixels; {context.max_pixels} are allowed"
        raise TooManyPixels(said, limit=context.max_pixels, value=pixels)
    _check_frames(picture.frames, context.max_frames)
    if picture.format == "jpeg" and has(picture.header, "interlaced"):
        progressive.check(path, picture.width * picture.height * picture.header.bands)


def _check_frames(frames: int, most: int) -> None:
    if frames > most:
        said = f"the image has {frames} frames or pages; {most} are allowed"
        raise LimitExceeded(said, limit=most, value=frames)
