"""Write a finished image into the job's folder and describe it."""

from pathlib import Path
from typing import Any

from mediakiln.model.product import Product
from mediakiln.operations.image.pixels import colour, encode
from mediakiln.operations.image.pixels.colour import OPAQUE
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.operations.image.pixels.formats import EXTENSIONS, MEDIA_TYPES, Output
from mediakiln.operations.image.pixels.picture import Picture
from mediakiln.operations.image.shape import paint

_WHITE = "#ffffffff"


def write(
    image: Any,
    out: Path,
    stem: str,
    output: Output,
    encoding: Encoding,
    opened: Picture,
    *,
    bits: int | None = None,
) -> Product:
    """Encode into `{stem}.{ext}`; a file that could not be finished is removed.

    `bits` a channel are for AVIF; other formats have as many as the pixels.

    Raises:
        LimitExceeded: not even the smallest file is within the byte budget.
    """
    path = out / f"{stem}.{EXTENSIONS[output]}"
    if output in encode.OPAQUE:
        image = flattened(image, encoding)
    try:
        searched = encode.save(image, path, output, encoding, opened=opened, bits=bits)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    facts = {**_facts(image, output, opened), **({"encoding": searched} if searched else {})}
    return Product(file=path.name, media_type=MEDIA_TYPES[output], metadata=facts)


def _facts(image: Any, output: Output, opened: Picture) -> dict[str, Any]:
    """Size and format of the result and of what it was made of."""
    return {
        "width": image.width,
        "height": image.get_page_height(),
        "frames": image.get_n_pages() if image.height > image.get_page_height() else 1,
        "format": output,
        "original": {
            "width": opened.width,
            "height": opened.height,
            "frames": opened.frames,
            "format": opened.format,
        },
    }


def flattened(image: Any, encoding: Encoding) -> Any:
    """Replace transparency by the background colour, for formats that have none.

    What is transparent of that colour itself is white.
    """
    *seen, opacity = colour.rgba(encoding.background or _WHITE)
    over = [OPAQUE + round((value - OPAQUE) * opacity / OPAQUE) for value in seen]
    return paint.flattened(image, f"#{bytes(over).hex()}ff")
