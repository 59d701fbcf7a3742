"""A tile of a grid, made a file of its own and decoded (ISO/IEC 23008-12)."""

import struct
from typing import Any, Final

import pyvips

from mediakiln.model.errors import BadMedia
from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.parts.items import Property

AV1: Final = b"av1C"
"""The property that says how a tile of AVIF is coded."""
_BANDS: Final = 3
_UNLIKE: Final = "the image is damaged: its tiles are not alike"


def decode(said: list[Property], data: bytes, size: tuple[int, int], out: Any) -> None:
    """Decode a tile into rows x columns x 3 bytes.

    Args:
        said: what the grid's file says of it.
        data: its HEVC or AV1.
        size: its width and height, as they must be.
        out: a view of the pixels.

    Raises:
        BadMedia: it is damaged, or is of another size or depth.
    """
    by_library = _from_av1 if AV1 in dict(said) else _from_hevc
    try:
        by_library(_file(said, data), size, out)
    except (BadMedia, MemoryError):
        raise
    except Exception as error:
        raise engine.damaged(error) from error


def _from_hevc(file: bytes, size: tuple[int, int], out: Any) -> None:
    import numpy as np
    import pi_heif

    wide, high = size
    heif = pi_heif.open_heif(file, convert_hdr_to_8bit=False)
    if heif.size != size or heif.mode != "RGB":
        raise BadMedia(_UNLIKE)
    pixels = np.frombuffer(heif.data, np.uint8).reshape(high, heif.stride)
    # Copied at once: they are libheif's, and go with it.
    out[...] = pixels[:, : wide * _BANDS].reshape(high, wide, _BANDS)


def _from_av1(file: bytes, size: tuple[int, int], out: Any) -> None:
    with engine.translated():
        image = pyvips.Image.heifload_buffer(file, fail_on="error")
        if (image.width, image.height, image.bands, image.format) != (*size, _BANDS, "uchar"):
            raise BadMedia(_UNLIKE)
        out[...] = image.numpy()


def _file(said: list[Property], data: bytes) -> bytes:
    """A HEIC or AVIF of one image."""
    brand, item = (b"avif", b"av01") if AV1 in dict(said) else (b"heic", b"hvc1")
    linked = bytes([*range(0x81, 0x81 + len(said))])
    links = _box(b"ipma", struct.pack(">IIHB", 0, 1, 1, len(said)) + linked)
    start = _box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    entry = _box(b"infe", struct.pack(">IHH5s", 2 << 24, 1, 0, item + b"\0"))
    head = (
        _box(b"hdlr", bytes(8) + b"pict" + bytes(13))
        + _box(b"pitm", struct.pack(">IH", 0, 1))
        + _box(b"iinf", struct.pack(">IH", 0, 1) + entry)
        + _box(b"iprp", _box(b"ipco", b"".join(_box(*each) for each in said)) + links)
    )
    where = len(start) + 12 + len(head) + 30 + 8
    place = struct.pack(">IHHHHHII", 0, 0x4400, 1, 1, 0, 1, where, len(data))
    return start + _box(b"meta", bytes(4) + head + _box(b"iloc", place)) + _box(b"mdat", data)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
