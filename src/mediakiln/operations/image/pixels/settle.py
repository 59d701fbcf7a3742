"""Hold pixels that are read more than once, or in another order than the file has them."""

import os
import tempfile
from pathlib import Path
from typing import Any, Final

import pyvips

from mediakiln.operations.image.pixels.engine import open_source, readable

MEMORY_BYTES: Final = 64 * 1024 * 1024
"""Of pixels that are held in memory; more go to a file in the job's temporary folder."""
TILE: Final = 256
"""Pixels: a tile's side in that file. Columns of tiles are read as easily as rows, so that turning
an image needs little memory; a mapped file would count as memory once all of it was touched."""

_SAMPLE_BYTES: Final = {"uchar": 1, "ushort": 2, "float": 4}
_OF_THE_FILE: Final = frozenset(
    {"width", "height", "bands", "format", "coding", "interpretation", "xoffset", "yoffset"}
    | {"xres", "yres", "filename", "vips-loader"}
)


def settled(image: Any) -> Any:
    """The same libvips image, decoded and computed: it can be read in any order, and again.

    The file, where there is one, has no name any more and goes when the image does.

    Raises:
        pyvips.Error: the source is damaged, or there is no space left.
    """
    sample = _SAMPLE_BYTES.get(image.format, 8)
    if image.width * image.height * image.bands * sample <= MEMORY_BYTES:
        return image.copy_memory()
    descriptor, name = tempfile.mkstemp(prefix="pixels-", suffix=".tif")
    os.close(descriptor)
    path = Path(name)
    try:
        # A stack of frames is one page here, whatever it says of itself.
        image.tiffsave(
            name,
            tile=True,
            tile_width=TILE,
            tile_height=TILE,
            bigtiff=True,
            keep="none",
            page_height=image.height,
        )
        held = pyvips.Image.new_from_source(open_source(path), "").copy(
            interpretation=image.interpretation
        )
    finally:
        path.unlink()
    image = readable(image)
    for field in set(image.get_fields()) - _OF_THE_FILE:
        held.set_type(image.get_typeof(field), field, image.get(field))
    return held
