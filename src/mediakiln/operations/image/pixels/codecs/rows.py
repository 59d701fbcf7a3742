"""BMP, PNM and GIF of many pixels by Pillow, without room for all of them in colour."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyvips

from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.codecs.strips import LARGE_BYTES, Rows, Strips, blank

PLAIN: Final = frozenset({"bmp", "pnm"})

_PLUGINS: Final = {"bmp": "BMP", "pnm": "PPM", "gif": "GIF"}
_MODES: Final = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGBA"}
"""What Pillow's modes of up to 8 bits a channel become."""
_BITS: Final = {"1;I": 1, "L": 8, "RGB": 24}
"""Of a pixel, in files that do not say how long their rows are."""
_CANVAS_BYTES: Final = 4
_INDICES: Final = 256
_OPAQUE: Final = 255
_CHANNELS: Final = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}


def plain(path: Path, format: str) -> Strips | None:
    """A large BMP or PNM whose rows stand in the file one behind another; None for others.

    Those are small, have packed rows or deeper ones, or end too early, which Pillow is to say.
    """
    from PIL import Image

    image = _header(path, format)
    if image is None or image.mode not in _MODES or len(image.tile) != 1:
        return None
    codec, _, offset, told = image.tile[0]
    raw, stride, order = (told, 0, 1) if isinstance(told, str) else (*told, 0, 1)[:3]
    if codec != "raw":
        return None
    (width, height), mode = image.size, _MODES[image.mode]
    if width * height * len(mode) <= LARGE_BYTES:
        return None
    stride = stride or (width * _BITS[raw] + 7) // 8
    if path.stat().st_size < offset + stride * height:
        return None

    def rows(top: int, count: int) -> bytes:
        first = top if order > 0 else height - top - count
        with path.open("rb", buffering=0) as file:
            file.seek(offset + first * stride)
            data = file.read(count * stride)
        part = Image.frombytes(image.mode, (width, count), data, "raw", raw, stride, order)
        if image.palette is not None:
            part.putpalette(image.palette)
        packed: bytes = (part if part.mode == mode else part.convert(mode)).tobytes()
        return packed

    return Strips(blank(width, height, len(mode)), lambda: rows)


def indexed(path: Path, header: Any) -> Strips | None:
    """A large GIF of one frame that fills its screen; None for others.

    Pillow holds a byte of a pixel, libvips four.
    """
    if header.width * header.height * _CANVAS_BYTES <= LARGE_BYTES:
        return None
    image = _header(path, "gif")
    if image is None or [tile[1] for tile in image.tile] != [(0, 0, header.width, header.height)]:
        return None
    like = engine.carrying(blank(header.width, header.height, header.bands), header)
    return Strips(like, partial(_indices, path), _table(image, header.bands))


def _indices(path: Path) -> Rows:
    """Decode a GIF, to its colours' numbers."""
    try:
        with _opening(path, "gif") as image:
            image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise engine.damaged(error) from error
    return lambda top, count: bytes(image.crop((0, top, image.width, top + count)).tobytes())


def _table(image: Any, bands: int) -> Any:
    """The colours, as libvips gives them: a row of pixels."""
    import numpy as np

    table = np.zeros((1, _INDICES, 4), np.uint8)
    if image.palette is None:
        table[0, :, :3] = np.arange(_INDICES)[:, None]
    else:
        colours = np.frombuffer(image.palette.palette, np.uint8).reshape(-1, 3)
        table[0, : len(colours), :3] = colours
    table[0, :, 3] = _OPAQUE
    if "transparency" in image.info:
        table[0, image.info["transparency"]] = 0
    return pyvips.Image.new_from_array(table[..., _CHANNELS[bands]])


def _header(path: Path, format: str) -> Any:
    """What Pillow makes of a file's header; None where it refuses it."""
    try:
        with _opening(path, format) as image:
            return image
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - what decoders raise follows no rule
        return None


def _opening(path: Path, format: str) -> Any:
    from PIL import Image

    with warnings.catch_warnings():
        # Our own limits stand in place of the warning; Pillow's hard limit still applies.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=(_PLUGINS[format],))
