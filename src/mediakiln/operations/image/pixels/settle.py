"""Hold pixels that are read more than once, or in another order than the file has them."""

from typing import Any, Final

import pyvips

MEMORY_BYTES: Final = 64 * 1024 * 1024
"""Of pixels that are held in memory; more go to a file in the job's temporary folder."""

_SAMPLE_BYTES: Final = {"uchar": 1, "ushort": 2, "float": 4}


def settled(image: Any) -> Any:
    """The same libvips image, decoded and computed: it can be read in any order, and again.

    The file, where there is one, goes when the image does.

    Raises:
        pyvips.Error: the source is damaged, or there is no space left.
    """
    sample = _SAMPLE_BYTES.get(image.format, 8)
    if image.width * image.height * image.bands * sample <= MEMORY_BYTES:
        return image.copy_memory()
    held = pyvips.Image.new_temp_file("%s.v")
    image.write(held)
    return held
