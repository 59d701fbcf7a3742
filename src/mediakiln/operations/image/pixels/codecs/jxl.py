"""JPEG XL by imagecodecs, where the extra jxl is installed."""

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyvips

from mediakiln.model.errors import ModelUnavailable, UnsupportedMedia
from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.codecs import jxl_header
from mediakiln.operations.image.pixels.managed.declared import boxes
from mediakiln.operations.image.pixels.meta import keeping

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.codecs.settings import Settings

HEAD_BYTES: Final = 65_536
_MODES = 4
_LINEAR_FROM = 30
_LEAST_LOSS = 0.1
_PACKED: Final = b"brob"
_EXIF: Final = b"Exif"
_CARRIED: Final = {_EXIF: "exif", b"xml ": "xmp"}
_MOST_BYTES: Final = 1 << 20
"""Of a box that is unpacked."""


def header(path: Path) -> jxl_header.Header:
    """The file's header.

    Raises:
        BadMedia: it is damaged.
        UnsupportedMedia: only a profile inside says what its colours are.
    """
    with path.open("rb") as file:
        found = jxl_header.parse(file.read(HEAD_BYTES))
    if found.colours is None:
        raise UnsupportedMedia("JPEG XL with an embedded colour profile is not decoded here")
    return found


def read(data: bytes) -> Any:
    """The first frame, upright, as a libvips image of 8 or 16 bits a channel.

    Raises:
        BadMedia: the file is damaged.
        ModelUnavailable: the extra jxl is not installed.
    """
    codecs = _library()
    import numpy as np

    try:
        pixels = codecs.jpegxl_decode(data, index=0, numthreads=1)
    except MemoryError:
        raise
    except Exception as error:
        raise engine.damaged(error) from error
    if pixels.dtype.kind == "f":
        pixels = (pixels.clip(0, 1) * 65535).round().astype(np.uint16)
    if pixels.ndim == 2:  # noqa: PLR2004 - rows and columns
        pixels = pixels[:, :, None]
    height, width, bands = pixels.shape
    if bands > _MODES or pixels.dtype not in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        raise UnsupportedMedia("JPEG XL of these channels is not decoded here")
    deep = pixels.dtype == np.uint16
    image = pyvips.Image.new_from_memory(
        np.ascontiguousarray(pixels), width, height, bands, "ushort" if deep else "uchar"
    )
    grey = ("b-w", "grey16") if bands < len("RGB") else ("srgb", "rgb16")
    return image.copy(interpretation=grey[deep])


def carried(data: bytes) -> dict[str, bytes]:
    """`exif` and `xmp` of a file's boxes, packed by Brotli or not; damaged ones are left out."""
    found: dict[str, bytes] = {}
    if not data.startswith(jxl_header.CONTAINER):
        return found
    for kind, start, end in boxes(data, 0, len(data)):
        name, content = kind, data[start:end]
        if kind == _PACKED:
            name = content[:4]
            content = _unpacked(content[4:]) if name in _CARRIED else b""
        if name in _CARRIED and content:
            # Four bytes say where in an Exif box its TIFF header begins.
            skipped = 4 + int.from_bytes(content[:4]) if name == _EXIF else 0
            found.setdefault(_CARRIED[name], content[skipped:])
    return found


def _unpacked(data: bytes) -> bytes:
    try:
        return bytes(_library().brotli_decode(data, out=_MOST_BYTES))
    except Exception:  # noqa: BLE001 - what a damaged box raises follows no rule
        return b""


def write(image: Any, settings: "Settings") -> bytes:
    """The file of an image in sRGB or grey, with the EXIF and XMP that it carries.

    Raises:
        ModelUnavailable: the extra jxl is not installed.
    """
    codecs = _library()
    pixels = image.numpy()
    level: dict[str, Any] = {"lossless": True}
    if settings.quality is not None and settings.quality < 100:  # noqa: PLR2004
        level = {"distance": _distance(settings.quality)}
    stream: bytes = codecs.jpegxl_encode(pixels, effort=settings.effort, numthreads=1, **level)
    blocks = {
        _EXIF: image.get(keeping.EXIF) if image.get_typeof(keeping.EXIF) else None,
        b"xml ": image.get(keeping.XMP) if image.get_typeof(keeping.XMP) else None,
    }
    return _contained(stream, {kind: data for kind, data in blocks.items() if data})


def _contained(stream: bytes, blocks: dict[bytes, bytes]) -> bytes:
    """A container around the codestream, where there is something beside it (ISO/IEC 18181-2)."""
    if not blocks:
        return stream
    file = jxl_header.CONTAINER + _box(b"ftyp", b"jxl \x00\x00\x00\x00jxl ")
    for kind, data in blocks.items():
        # Four bytes say where in an Exif box its TIFF header begins.
        file += _box(kind, bytes(4) + data.removeprefix(b"Exif\0\0") if kind == _EXIF else data)
    return file + _box(b"jxlc", stream)


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def _distance(quality: int) -> float:
    """The mapping of JPEG's qualities to distances of libjxl's JxlEncoderDistanceFromQuality."""
    if quality >= _LINEAR_FROM:
        return _LEAST_LOSS + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def _library() -> Any:
    try:
        import imagecodecs
    except ImportError as error:
        raise ModelUnavailable(
            "JPEG XL needs imagecodecs, which is not installed",
            hint="pip install 'mediakiln[jxl]'",
        ) from error
    return imagecodecs
