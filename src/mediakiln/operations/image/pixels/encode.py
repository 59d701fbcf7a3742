"""Write a libvips image in one of the output formats."""

from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast

import pyvips

from mediakiln.operations.image.pixels import colour
from mediakiln.operations.image.pixels.codecs import fitting, jxl, score, sequence, settings
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import MODERN, Output, default_output
from mediakiln.operations.image.pixels.managed import indexed, profiles, space, target
from mediakiln.operations.image.pixels.meta import exif, keeping, tiff
from mediakiln.operations.image.pixels.picture import Picture
from mediakiln.operations.image.pixels.settle import settled

OPAQUE: Final[frozenset[Output]] = frozenset({"jpeg"})
"""Formats without transparency."""
_ANIMATED: Final[frozenset[Output]] = frozenset({"gif", "webp", "avif"})
"""Formats that hold frames."""

DEEP: Final[frozenset[Output]] = frozenset({"png", "tiff", "avif"})
"""Formats with more than 8 bits a channel."""

HELD_PIXELS: Final = 16_000_000
"""A JPEG whose coding is optimised is held in memory until its end, 3 bytes a pixel; larger ones
are written as they stream, unless somebody asks for the effort."""

WITH_CLEAR: Final = 4
"""Colours of a GIF's palette that can have one that is transparent: of two libvips drops it."""

_BITS: Final = "bits-per-sample"
_AVIF_DEPTHS: Final = (10, 12)

_WEBP_KIND: Final = slice(12, 16)
_WEBP_FLAGS: Final = 20
_WEBP_ANIMATED, _WEBP_ALPHA = 0x02, 0x10
"""Where a WebP says what it has, and the signs for two of it (RFC 9649, section 2.7)."""

_EXIF, _XMP, _IPTC, _ICC = 1, 2, 4, 8
"""libvips' flags of what a saver keeps (VipsForeignKeep)."""


def output_of(encoding: Encoding, opened: Picture) -> Output:
    """The format of the result, where `auto` and `compatible` depend on the source."""
    if encoding.format not in {"auto", "compatible"}:
        return cast("Output", encoding.format)
    modern = encoding.format == "compatible" and opened.format in MODERN
    if modern and opened.animated and encoding.animated:
        return "gif"
    header = opened.header
    bits = header.get(_BITS) if header.get_typeof(_BITS) else target.BYTE
    # Of what a browser may not know, as of any other format that browsers do not.
    source = "heic" if modern else opened.format
    return default_output(source, alpha=opened.alpha, lossless=encoding.lossless, bits=bits)


def animates(encoding: Encoding, opened: Picture, output: Output) -> bool:
    """Whether the result has every frame of the source.

    PNG does only if the source is one: who asks for a PNG of a GIF wants a still.
    """
    if not (encoding.animated and opened.animated):
        return False
    return output in _ANIMATED or (output == "png" and opened.format == "png")


def depth_of(encoding: Encoding, opened: Picture, output: Output) -> int:
    """Bits a channel: as many as the source has, as far as the result can hold them."""
    header = opened.header
    if header.format == "uchar" or output not in DEEP or animates(encoding, opened, output):
        return target.BYTE
    told = header.get(_BITS) if header.get_typeof(_BITS) else target.DEEP
    if output == "avif":
        return _AVIF_DEPTHS[told > _AVIF_DEPTHS[0]]
    shallow = encoding.colours or encoding.quality is not None or encoding.max_bytes
    return target.BYTE if shallow else target.DEEP


def save(
    image: Any,
    path: Path,
    output: Output,
    encoding: Encoding,
    *,
    opened: Picture | None = None,
    bits: int | None = None,
) -> dict[str, Any]:
    """Encode into the file; what its metadata say of a quality that was searched.

    `opened` is the source, whose metadata may be kept; without it nothing is.

    Raises:
        LimitExceeded: not even the smallest file is within the byte budget.
    """
    carried = _carrying(image, output, encoding, opened)
    top = settings.plain(encoding, output, bits)
    if output == "gif" and (encoding.max_bytes or (top.colours or WITH_CLEAR) < WITH_CLEAR):
        carried = settled(carried)
        top = replace(top, least=WITH_CLEAR) if _clear(carried) else top
    if not fitting.searches(encoding, top):
        if output == "png" and top.colours is None and indexed.worth_a_look(carried, opened):
            carried = settled(carried)
            if indexed.few_colours(carried):
                top = replace(top, colours=indexed.COLOURS)
        _file(carried, path, top)
        _tell_alpha(carried, path, output)
        return {}
    carried = settled(carried)
    sample = _sample(carried, output) if encoding.quality == "auto" else None
    data, facts = fitting.fitted(encoding, top, _maker(carried, output), sample)
    path.write_bytes(data)
    _tell_alpha(carried, path, output)
    return facts


def _tell_alpha(image: Any, path: Path, output: Output) -> None:
    """Have an animated WebP say that it may be transparent.

    libwebp says so only of frames, which it cuts to what changes. What is left of one that is
    padded may have no transparent pixel, and readers then show the rest of the canvas black.
    """
    if output != "webp" or not image.hasalpha():
        return
    with path.open("r+b") as file:
        head = file.read(_WEBP_FLAGS + 1)
        if head[_WEBP_KIND] == b"VP8X" and head[_WEBP_FLAGS] & _WEBP_ANIMATED:
            file.seek(_WEBP_FLAGS)
            file.write(bytes([head[_WEBP_FLAGS] | _WEBP_ALPHA]))


def _carrying(image: Any, output: Output, encoding: Encoding, opened: Picture | None) -> Any:
    """The image with all that goes into the file beside its pixels."""
    image = _fit(image)
    blocks = keeping.Kept()
    if opened is not None:
        srgb = space.profile_of(image) is None
        picture = exif.Picture(image.width, image.get_page_height(), srgb)
        own = {opened.format: opened.path} if opened.format in {"tiff", "png"} else {}
        blocks = keeping.kept(opened.header, encoding, picture=picture, **own)
    return keeping.attached(image, blocks, output)


def _fit(image: Any) -> Any:
    """Without a profile that readers could make nothing of, and some encoders refuse."""
    profile = space.profile_of(image)
    if profile is None or profiles.usable(profile, grey=space.grey(image)):
        return image
    image = image.copy()
    image.remove(space.PROFILE)
    return image


def _file(image: Any, path: Path, rung: settings.Settings) -> None:
    if _beside_libvips(image, rung):
        path.write_bytes(_bytes(image, rung))
        return
    options = rung.options()
    if image.width * image.height > HELD_PIXELS and rung.encoding.effort is None:
        options.pop("optimize_coding", None)
    getattr(image, rung.saver)(str(path), keep=_keep(image), **options)
    if rung.output == "tiff" and image.get_typeof(keeping.EXIF):
        with path.open("r+b") as file:
            tiff.add(file, image.get(keeping.EXIF))


def _bytes(image: Any, rung: settings.Settings) -> bytes:
    if rung.output == "jxl":
        return jxl.write(image, rung)
    if _beside_libvips(image, rung):
        return sequence.write(image, rung)
    data: bytes = getattr(image, f"{rung.saver}_buffer")(keep=_keep(image), **rung.options())
    if rung.output == "tiff" and image.get_typeof(keeping.EXIF):
        file = BytesIO(data)
        tiff.add(file, image.get(keeping.EXIF))
        return file.getvalue()
    return data


def _beside_libvips(image: Any, rung: settings.Settings) -> bool:
    """Whether libvips does not write it."""
    return rung.output == "jxl" or (_several(image) and rung.output in sequence.FORMATS)


def _several(image: Any) -> bool:
    return bool(image.height > image.get_page_height())


def _clear(image: Any) -> bool:
    """Whether some of a settled image is transparent."""
    return bool(image.hasalpha() and image[image.bands - 1].min() < colour.OPAQUE)


def _keep(image: Any) -> int:
    carried = (
        (keeping.EXIF, _EXIF),
        (keeping.XMP, _XMP),
        (keeping.IPTC, _IPTC),
        (space.PROFILE, _ICC),
    )
    return sum(flag for name, flag in carried if image.get_typeof(name))


def _maker(image: Any, output: Output) -> fitting.Maker:
    """How this image becomes files; what scoring needs of it is computed at the first score."""
    reference = cache(lambda: score.Reference(_shown(image)))

    def encode(rung: settings.Settings) -> bytes:
        return _bytes(image, rung)

    def scored(data: bytes) -> float:
        decoded = jxl.read(data) if output == "jxl" else pyvips.Image.new_from_buffer(data, "")
        return reference().score(_shown(decoded))

    return fitting.Maker(encode, None if _several(image) else scored)


def _sample(image: Any, output: Output) -> fitting.Maker | None:
    """What counts for a score, as a still of its own; None where that is the whole image."""
    parts = score.parts(image)
    if parts is image and not _several(image):
        return None
    still = parts.copy()
    for name in ("page-height", "n-pages", "delay", "loop"):
        still.remove(name)
    return _maker(still.copy_memory(), output)


def _shown(image: Any) -> Any:
    """8 bits a channel, in memory."""
    if image.format != "uchar":
        image = image.colourspace("b-w" if space.grey(image) else "srgb")
    return image.copy_memory()
