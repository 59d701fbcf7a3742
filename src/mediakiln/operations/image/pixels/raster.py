"""Formats that libvips does not read here: HEIC by libheif, a few plain ones by Pillow.

They are decoded whole, into memory, after their header was held against the limit.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from mediakiln.model.errors import BadMedia, ModelUnavailable, TooManyPixels
from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.codecs import jxl, rows
from mediakiln.operations.image.pixels.codecs.strips import Strips
from mediakiln.operations.image.pixels.formats import HEAD_BYTES, Format
from mediakiln.operations.image.pixels.managed import declared, jp2, lab, space
from mediakiln.operations.image.pixels.managed.declared import Declared
from mediakiln.operations.image.pixels.meta import keeping
from mediakiln.operations.image.pixels.parts import grid
from mediakiln.operations.image.pixels.parts.box import UNTURNED, UPRIGHT

# Only these of Pillow's plug-ins are ever tried: never EPS, PSD, FLI, BLP and the like.
_PILLOW: dict[Format, tuple[str, ...]] = {
    "bmp": ("BMP",),
    "ico": ("ICO",),
    "jp2": ("JPEG2000",),
    "qoi": ("QOI",),
    "pnm": ("PPM",),
    "tiff": ("TIFF",),
}
_PNM_WORDS = 4
"""Of a header: signature, width, height, and the greatest value unless it is of bits."""
_DEEP = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
"""Pillow's modes of grey with 16 bits."""
_LAB = "LAB"
_ROWS = 256
"""That are copied at a time."""
_16 = ";16"
_BANDS = {"L": 1, "I": 1, "LA": 2, "RGB": 3, "RGBA": 4}
"""Of libheif's modes; those of more than 8 bits end with that, and fill 16 from the top."""
_FIELDS = {"icc_profile": space.PROFILE, "exif": keeping.EXIF, "xmp": keeping.XMP}
"""Where libvips keeps what Pillow and libheif call so."""
_ORIENTATION = "orientation"
_FORMATS: frozenset[Format] = frozenset({"heic", "jxl", *_PILLOW} - {"tiff"})


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels in memory, with their ICC profile attached, or `declared` where none is."""

    image: Any
    declared: Declared | None = None
    strips: Strips | None = None
    """Gives the pixels where `image` has none, since they would take too much memory."""


def decodes(path: Path, name: Format) -> bool:
    """Whether a file of this format is one that libvips does not read."""
    return name in _FORMATS or (name == "tiff" and lab.packed(path))


def decode(path: Path, name: Format, max_pixels: int) -> Decoded:
    """Decode a file for which `decodes` is true.

    Raises:
        TooManyPixels: before decoding, by the header.
        BadMedia: it is damaged.
        UnsupportedMedia: its colours cannot be known.
        ModelUnavailable: its codec is not installed.
    """
    if name == "heic":
        return _heic(path, max_pixels)
    if name == "pnm":
        _check_comments(path)
    if name == "jxl":
        return _jxl(path, max_pixels)
    if name == "jp2":
        return _jp2(path, max_pixels)
    strips = rows.plain(path, name) if name in rows.PLAIN else None
    if strips is None:
        return _pillow(path, name, max_pixels)
    _check((strips.header.width, strips.header.height), max_pixels)
    return Decoded(strips.header, strips=strips)


def _check_comments(path: Path) -> None:
    """Bound the comments in a PNM's header, which Pillow reads byte by byte.

    Raises:
        BadMedia: the header does not end where everybody's does.
    """
    with path.open("rb") as file:
        words = re.sub(rb"#[^\r\n]*", b"", file.read(HEAD_BYTES)).split(maxsplit=_PNM_WORDS)
    needed = _PNM_WORDS - (words[0] in {b"P1", b"P4"})
    if len(words) < needed and path.stat().st_size > HEAD_BYTES:
        raise BadMedia(
            f"the image is damaged: its header is longer than {HEAD_BYTES} bytes",
            limit=HEAD_BYTES,
            hint="save it without its comments",
        )


def _jxl(path: Path, max_pixels: int) -> Decoded:
    header = jxl.header(path)
    _check((header.width, header.height), max_pixels)
    data = path.read_bytes()
    image = _carrying(jxl.read(data), jxl.carried(data))
    if header.colours is None:
        return Decoded(image)
    return Decoded(image, declared.by_numbers(*header.colours, header.corners))


def _jp2(path: Path, max_pixels: int) -> Decoded:
    header = jp2.header(path)
    if header is not None and header.deep:
        _check((header.width, header.height), max_pixels)
        image = jp2.deep(path, header)
    else:
        image = _pillow(path, "jp2", max_pixels).image
    profile = header.profile if header else None
    return Decoded(_carrying(image, {"icc_profile": profile}))


def _heic(path: Path, max_pixels: int) -> Decoded:
    try:
        import pi_heif
    except ImportError as error:
        raise ModelUnavailable("HEIC needs pi-heif, which is not installed") from error
    pi_heif.options.DECODE_THREADS = 1
    heif = _attempt(lambda: pi_heif.open_heif(path, convert_hdr_to_8bit=False))
    if not len(heif):
        raise BadMedia("the image is damaged, or coded in a way that is not decoded here")
    _check(_attempt(lambda: heif.size), max_pixels)
    tiled = grid.strips(path, *heif.size) if heif.mode == "RGB" else None
    pixels = _tiled_pixels(tiled, heif) if tiled else _heif_pixels(heif)
    tiled = tiled if grid.large(*heif.size) else None
    image = _carrying(pixels, heif.info)
    nclx = heif.info.get("nclx_profile") or {}
    if heif.info.get("icc_profile") or not nclx:
        return Decoded(image, strips=tiled)
    named = declared.by_numbers(nclx["color_primaries"], nclx["transfer_characteristics"])
    return Decoded(image, named, tiled)


def _tiled_pixels(tiled: Strips, heif: Any) -> Any:
    """None of a large image's; of another one all, since libheif leaves out damaged tiles."""
    if grid.large(*heif.size):
        return tiled.header
    width, height = tiled.header.width, tiled.header.height
    rows = tiled.begin()
    tops = range(0, height, _ROWS)
    packed = b"".join(rows(top, min(_ROWS, height - top)) for top in tops)
    image = _image(packed, (width, height), tiled.header.bands)
    turn = UPRIGHT.get(tiled.orientation, UNTURNED)
    return image if turn.identity else turn.apply(image).copy_memory()


def _heif_pixels(heif: Any) -> Any:
    deep, bands = heif.mode.endswith(_16), _BANDS[heif.mode.removesuffix(_16)]
    pixels = _attempt(lambda: _heif_rows(heif, bands * (2 if deep else 1)))
    image = _image(pixels, heif.size, bands, deep=deep)
    if deep:
        image = space.stretched(image, heif.info["bit_depth"]).copy()
        image.set_type(pyvips.GValue.gint_type, "bits-per-sample", heif.info["bit_depth"])
    return image


def _heif_rows(heif: Any, pixel_bytes: int) -> bytes | bytearray:
    """Decode to packed rows; libheif pads each to its stride."""
    row = heif.size[0] * pixel_bytes
    data = memoryview(heif.data)
    if heif.stride == row:
        return bytes(data)
    packed = bytearray(row * heif.size[1])
    for y in range(heif.size[1]):
        packed[y * row : (y + 1) * row] = data[y * heif.stride : y * heif.stride + row]
    return packed


def _pillow(path: Path, name: Format, max_pixels: int) -> Decoded:
    from PIL import Image

    def load() -> Any:
        with warnings.catch_warnings():
            # Our own limit stands in place of the warning; Pillow's hard limit still applies.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_PILLOW[name]) as image:
                _check(image.size, max_pixels)
                image.load()
                _check(image.size, max_pixels)
                mode = image.mode if image.mode in {*_DEEP, _LAB} else _mode(image)
                # Converting copies all pixels, even to the mode that they have.
                return image if image.mode == mode else image.convert(mode)

    try:
        image = _attempt(load)
    except Image.DecompressionBombError as error:
        limit = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
        raise TooManyPixels(f"the image has more than {limit} pixels", limit=limit) from error
    profile = {} if image.mode == _LAB else image.info
    return Decoded(_carrying(_packed(image), profile))


def _attempt(work: Callable[[], Any]) -> Any:
    """Run a decoder. What decoders raise on damaged files follows no rule, hence the breadth."""
    from PIL import Image

    try:
        return work()
    except (TooManyPixels, Image.DecompressionBombError):
        raise
    except MemoryError:
        raise
    except Exception as error:
        raise engine.damaged(error) from error


def _check(size: tuple[int, int], max_pixels: int) -> None:
    pixels = size[0] * size[1]
    if pixels <= 0:
        raise BadMedia("the image has no pixels")
    if pixels > max_pixels:
        raise TooManyPixels(
            f"the image has {pixels} pixels; {max_pixels} are allowed",
            limit=max_pixels,
            value=pixels,
        )


def _mode(image: Any) -> str:
    """The 8-bit mode nearest to an image's own."""
    if image.mode in {"1", "L"}:
        return "L"
    if image.mode in {"LA", "La"}:
        return "LA"
    transparent = image.mode in {"RGBA", "RGBa", "PA"} or "transparency" in image.info
    return "RGBA" if transparent else "RGB"


def _packed(image: Any) -> Any:
    """Pillow's pixels as libvips'; those of more than 8 bits keep 16."""
    if image.mode == _LAB:
        return lab.unpacked(_image(_bytes(image), image.size, len(_LAB)))
    if image.mode not in _DEEP:
        return _image(_bytes(image), image.size, len(image.getbands()))
    import numpy as np

    deep = np.asarray(image).clip(0, 0xFFFF).astype(np.uint16)
    made = pyvips.Image.new_from_memory(deep.tobytes(), *image.size, 1, "ushort")
    return made.copy(interpretation="grey16")


def _bytes(image: Any) -> bytearray:
    """Its pixels; Pillow's own way needs room for them twice."""
    width, height = image.size
    row = width * len(image.getbands())
    packed = bytearray(row * height)
    for top in range(0, height, _ROWS):
        rows = image.crop((0, top, width, min(top + _ROWS, height))).tobytes()
        packed[top * row : top * row + len(rows)] = rows
    return packed


def _image(
    pixels: bytes | bytearray, size: tuple[int, int], bands: int, *, deep: bool = False
) -> Any:
    colours = ("grey16" if deep else "b-w") if bands < len("RGB") else ("rgb16" if deep else "srgb")
    image = pyvips.Image.new_from_memory(pixels, *size, bands, "ushort" if deep else "uchar")
    return image.copy(interpretation=colours)


def _carrying(image: Any, info: Mapping[str, Any]) -> Any:
    """The image with the profile and the metadata that came with its pixels.

    Not with EXIF's orientation, which libvips takes over: decoders have turned these pixels by
    what their containers say, which alone counts (ISO/IEC 23008-12, 6.5.10; ISO/IEC 18181-2).
    """
    for name, field in _FIELDS.items():
        value = info.get(name)
        if isinstance(value, bytes) and value:
            image.set_type(pyvips.GValue.blob_type, field, value)
    image.remove(_ORIENTATION)
    return image
