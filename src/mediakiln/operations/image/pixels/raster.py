"""Formats that libvips does not read here: HEIC by libheif, a few plain ones by Pillow.

They are decoded whole, into memory, after their header was held against the limit.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from mediakiln.model.errors import BadMedia, ModelUnavailable, TooManyPixels
from mediakiln.operations.image.pixels.formats import Format

# Only these of Pillow's plug-ins are ever tried: never EPS, PSD, FLI, BLP and the like.
_PILLOW: dict[Format, tuple[str, ...]] = {
    "bmp": ("BMP",),
    "ico": ("ICO",),
    "jp2": ("JPEG2000",),
    "qoi": ("QOI",),
    "pnm": ("PPM",),
}
FORMATS: frozenset[Format] = frozenset({"heic", *_PILLOW})

_DISPLAY_P3 = 12
"""The colour primaries of Display P3 in an nclx box (ITU-T H.273, table 2)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels in memory, with their ICC profile attached, or `profile` naming a known space."""

    image: Any
    profile: str | None = None


def decode(path: Path, name: Format, max_pixels: int) -> Decoded:
    """Decode one of `FORMATS`.

    Raises:
        TooManyPixels: before decoding, by the header.
        BadMedia: it is damaged.
        ModelUnavailable: libheif is not installed.
    """
    return _heic(path, max_pixels) if name == "heic" else _pillow(path, name, max_pixels)


def _heic(path: Path, max_pixels: int) -> Decoded:
    try:
        import pi_heif
    except ImportError as error:
        raise ModelUnavailable("HEIC needs pi-heif, which is not installed") from error
    pi_heif.options.DECODE_THREADS = 1
    heif = _attempt(lambda: pi_heif.open_heif(path, convert_hdr_to_8bit=True))
    _check(heif.size, max_pixels)
    pixels = _attempt(lambda: pi_heif_bytes(heif))
    profile = heif.info.get("icc_profile")
    nclx = heif.info.get("nclx_profile") or {}
    known = "p3" if not profile and nclx.get("color_primaries") == _DISPLAY_P3 else None
    image = _image(pixels, heif.size, len(heif.mode))
    return Decoded(_with_profile(image, profile), known)


def pi_heif_bytes(heif: Any) -> bytes:
    """Decode to packed rows; libheif pads each to its stride."""
    row = heif.size[0] * len(heif.mode)
    data = memoryview(heif.data)
    if heif.stride == row:
        return bytes(data)
    return b"".join(data[y * heif.stride : y * heif.stride + row] for y in range(heif.size[1]))


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
                return image.convert(_mode(image))

    try:
        image = _attempt(load)
    except Image.DecompressionBombError as error:
        limit = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
        raise TooManyPixels(f"the image has more than {limit} pixels", limit=limit) from error
    packed = _image(image.tobytes(), image.size, len(image.getbands()))
    return Decoded(_with_profile(packed, image.info.get("icc_profile")))


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
        raise BadMedia(f"the image is damaged: {str(error)[:200] or 'unreadable'}") from error


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
    if image.mode in {"1", "L", "I;16", "I;16B", "I"}:
        return "L"
    if image.mode in {"LA", "La"}:
        return "LA"
    transparent = image.mode in {"RGBA", "RGBa", "PA"} or "transparency" in image.info
    return "RGBA" if transparent else "RGB"


def _image(pixels: bytes, size: tuple[int, int], bands: int) -> Any:
    space = "b-w" if bands < len("RGB") else "srgb"
    image = pyvips.Image.new_from_memory(pixels, *size, bands, "uchar")
    return image.copy(interpretation=space)


def _with_profile(image: Any, profile: bytes | None) -> Any:
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image
