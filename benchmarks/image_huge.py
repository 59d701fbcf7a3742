"""Images of 100 megapixels in every format, made one at a time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

import image_files

SIDES: Final = (11_584, 8_688)
_DEEP: Final = 257


@dataclass(frozen=True)
class Huge:
    """One file."""

    label: str
    path: Path
    media_type: str
    streams: bool
    """Whether its format can be decoded without all of its pixels, in colour, in memory."""


def _deep(image: Any) -> Any:
    return (image.cast("ushort") * _DEEP).cast("ushort").copy(interpretation="rgb16")


def _inks(image: Any) -> Any:
    return image.bandjoin(image[0] * 0.2).cast("uchar").copy(interpretation="cmyk")


_STREAMED: Final[Mapping[str, tuple[str, Callable[[Any, str], None]]]] = {
    "JPEG": ("jpeg", lambda image, path: image.jpegsave(path, Q=90)),
    "JPEG of inks (CMYK)": ("jpeg", lambda image, path: _inks(image).jpegsave(path, Q=90)),
    "PNG": ("png", lambda image, path: image.pngsave(path, compression=1, filter="sub")),
    "PNG, 16 bits": (
        "png",
        lambda image, path: _deep(image).pngsave(path, compression=1, filter="sub"),
    ),
    "PNG, interlaced": (
        "png",
        lambda image, path: image.pngsave(path, compression=1, filter="sub", interlace=True),
    ),
    "TIFF in strips": ("tiff", lambda image, path: image.tiffsave(path, compression="lzw")),
    "TIFF in tiles": (
        "tiff",
        lambda image, path: image.tiffsave(path, compression="deflate", tile=True),
    ),
    "WebP": ("webp", lambda image, path: image.webpsave(path, Q=80, effort=0)),
    "GIF": ("gif", lambda image, path: image.extract_band(0).gifsave(path, effort=1)),
    "BMP": ("bmp", lambda image, path: Image.fromarray(image.numpy()).save(path)),
}
_HELD: Final[Mapping[str, tuple[str, Callable[[Any, str], None]]]] = {
    "JPEG, progressive, 4:2:0": (
        "jpeg",
        lambda image, path: image.jpegsave(path, Q=85, interlace=True, subsample_mode="on"),
    ),
    "JPEG, progressive, 4:4:4": (
        "jpeg",
        lambda image, path: image.jpegsave(path, Q=85, interlace=True, subsample_mode="off"),
    ),
    "WebP, lossless": ("webp", lambda image, path: image.webpsave(path, lossless=True, effort=0)),
    "AVIF": ("avif", lambda image, path: image.heifsave(path, compression="av1", effort=0)),
}


def each(folder: Path) -> Iterator[Huge]:
    """Make a file, give it, and remove it, one after another."""
    width, height = image_files.SIZES["12mp.jpg"]
    tile = image_files.picture(width, height, 0).copy_memory()
    image = tile.replicate(3, 3).crop(0, 0, *SIDES)
    for label, (kind, save) in {**_STREAMED, **_HELD}.items():
        path = folder / f"100mp.{kind}"
        save(image, str(path))
        yield Huge(label, path, f"image/{kind}", label in _STREAMED)
        path.unlink()
