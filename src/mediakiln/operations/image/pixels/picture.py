"""An image that is open but not yet decoded: its size is known, and it can be had at any size."""

import mmap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyvips

from mediakiln.model.errors import (
    EmptyFile,
    LimitExceeded,
    MediakilnError,
    TooManyPixels,
    UnsupportedMedia,
)
from mediakiln.operations.image.pixels import engine, kept, raster
from mediakiln.operations.image.pixels.formats import HEAD_BYTES, Format, sniff
from mediakiln.operations.image.pixels.parts.box import UNTURNED, UPRIGHT, Box, Turn
from mediakiln.ports.operation import Context

MAX_SCANS = 200
"""Of a progressive JPEG. Encoders write about ten; each costs a pass over all coefficients."""
MAX_COEFFICIENT_BYTES = 1 << 30
"""A progressive JPEG keeps every coefficient in memory until its last scan: 2 bytes each."""

_STRICT = "fail_on=error"
"""Missing or undecodable data is an error; odd bytes that a decoder skips are not."""
_FRAMES = frozenset({"gif", "webp"})
OVERSAMPLED: Final = 2
"""A decoder that shrinks leaves at least so many times the result's width and height, so that
most of the shrinking is done by a better filter than its own."""
DECODED_AT: Final = (1, 2, 4, 8)
"""How far decoders shrink."""
_GREY = frozenset({"b-w", "grey16"})


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
    profile: str | None = None
    """libvips' name of the colour space, where only the container names it."""

    @property
    def vector(self) -> bool:
        """Whether it has no pixels of its own."""
        return self.format == "svg"

    @property
    def animated(self) -> bool:
        """Whether it holds frames, as opposed to pages."""
        return self.frames > 1 and self.format in _FRAMES

    def scaled(self, width: int, height: int, *, frames: bool, keep_profile: bool) -> Any:
        """Upright, at exactly this size, 8 bits a channel: a lazy libvips image.

        The decoder itself shrinks where it can. The result is sRGB or grey, unless its own
        profile is kept. `frames` stacks all of them vertically, as libvips does, and
        needs an animated picture.
        """
        options = self._colours(keep_profile=keep_profile) | {"height": height, "size": "force"}
        if self.source is None:
            image = self.header.thumbnail_image(width, **options)
        else:
            # As an option of the loader: thumbnail_source ignores its own argument fail_on.
            loading = _STRICT + (",n=-1" if frames else "")
            image = pyvips.Image.thumbnail_source(
                self.source, width, option_string=loading, **options
            )
        return self._plain(image)

    def part(self, box: Box, width: int, height: int, *, keep_profile: bool) -> Any:
        """A part of the first frame at exactly this size, otherwise as `scaled` gives it.

        The box and the result are as the file stores its pixels: `upright` is not done yet.
        """
        options = self._colours(keep_profile=keep_profile) | {"height": height, "size": "force"}
        image, box = self._shrunk(box, width, height)
        cut = image.extract_area(box.left, box.top, box.width, box.height)
        return self._plain(cut.thumbnail_image(width, no_rotate=True, **options))

    @property
    def upright(self) -> Turn:
        """What turns the pixels as they are stored upright."""
        if self.source is None or not has(self.header, "orientation"):
            return UNTURNED
        return UPRIGHT.get(self.header.get("orientation"), UNTURNED)

    def _shrunk(self, box: Box, width: int, height: int) -> tuple[Any, Box]:
        """The stored image, shrunk by its decoder where it can, and the box in it."""
        if self.source is None:
            return self.header, box
        options: dict[str, Any] = {"access": "sequential"}
        factor = 1.0
        if self.vector:
            factor = min(box.width / width, box.height / height)
            options["scale"] = 1 / factor
        elif self.format in {"jpeg", "webp"}:
            enough = min(box.width / width, box.height / height) / OVERSAMPLED
            factor = max(n for n in DECODED_AT if n <= max(enough, 1))
            options |= {"shrink": factor} if self.format == "jpeg" else {"scale": 1 / factor}
        elif self.format == "tiff" and has(self.header, "tile-width"):
            del options["access"]
        image = pyvips.Image.new_from_source(self.source, _STRICT, **options)
        return image, box.shrunk(factor, image.width, image.height)

    def _colours(self, *, keep_profile: bool) -> dict[str, Any]:
        """Libvips' options for the result's colour space."""
        keep = keep_profile and self.header.interpretation not in {*_GREY, "cmyk"}
        options: dict[str, Any] = {}
        if not keep and (self.profile or self._needs_conversion()):
            options["output_profile"] = "srgb"
            if self.profile:
                options["input_profile"] = self.profile
        return options

    def _plain(self, image: Any) -> Any:
        """Grey or RGB, 8 bits a channel."""
        if self.header.interpretation in _GREY:
            return image.colourspace("b-w")
        return image if image.format == "uchar" else image.colourspace("srgb")

    def _needs_conversion(self) -> bool:
        return self.header.interpretation == "cmyk" or has(self.header, "icc-profile-data")


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
    if name in raster.FORMATS:
        decoded = kept.find_decoded(path) or raster.decode(path, name, context.max_pixels)
        image = decoded.image
        if context.again:
            kept.keep_decoded(path, decoded, image)
        return Picture(
            name, image.width, image.height, 1, image.hasalpha(), image, None, decoded.profile
        )
    with engine.translated():
        picture = _from_header(path, name)
    _check(picture, path, context)
    return picture


def has(image: Any, field: str) -> bool:
    """Whether a libvips image carries a header field."""
    return bool(image.get_typeof(field))


def _from_header(path: Path, name: Format) -> Picture:
    source = engine.open_source(path)
    header = pyvips.Image.new_from_source(source, _STRICT, access="sequential")
    width, height = header.width, header.height
    opened = Picture(name, width, height, header.get_n_pages(), header.hasalpha(), header, source)
    width, height = opened.upright.size(width, height)
    return replace(opened, width=width, height=height)


def _check(picture: Picture, path: Path, context: Context) -> None:
    pixels = picture.width * picture.height
    if pixels > context.max_pixels and not picture.vector:
        raise too_many_pixels(pixels, context.max_pixels)
    if picture.frames > context.max_frames:
        raise LimitExceeded(
            f"the image has {picture.frames} frames; {context.max_frames} are allowed",
            limit=context.max_frames,
            value=picture.frames,
        )
    if picture.format == "jpeg" and has(picture.header, "interlaced"):
        _check_progressive(picture, path)


def too_many_pixels(value: int, limit: int) -> MediakilnError:
    """The error for an image that declares too many pixels."""
    return TooManyPixels(
        f"the image has {value} pixels; {limit} are allowed", limit=limit, value=value
    )


def _check_progressive(picture: Picture, path: Path) -> None:
    """Bound what a progressive JPEG costs, in memory and in passes.

    Inside entropy-coded data every FF is followed by 00 or a restart marker, so FF DA is a
    scan's start, or a byte pair in a metadata segment, which is rare enough for a bound.
    """
    needed = picture.width * picture.height * picture.header.bands * 2
    if needed > MAX_COEFFICIENT_BYTES:
        raise LimitExceeded(
            f"decoding this progressive JPEG needs {needed >> 20} MiB of memory",
            limit=MAX_COEFFICIENT_BYTES,
            value=needed,
            hint="save it as a baseline JPEG",
        )
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        scans, at = 0, data.find(b"\xff\xda")
        while at >= 0 and scans <= MAX_SCANS:
            scans, at = scans + 1, data.find(b"\xff\xda", at + 2)
    if scans > MAX_SCANS:
        raise LimitExceeded(
            f"the JPEG has more than {MAX_SCANS} scans", limit=MAX_SCANS, value=scans
        )
