"""Animated AVIF and PNG, which libvips reads and writes as stills: by Pillow."""

import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyvips

from mediakiln.model.errors import TooManyPixels
from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.codecs import repeats
from mediakiln.operations.image.pixels.managed import space
from mediakiln.operations.image.pixels.managed.declared import boxes
from mediakiln.operations.image.pixels.meta import keeping

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.codecs.settings import Settings

FORMATS: Final = frozenset({"avif", "png"})

_PLUGINS = {"avif": "AVIF", "png": "PNG"}
_BLOCKS: Final = {"exif": keeping.EXIF, "xmp": keeping.XMP}
"""Where libvips keeps what Pillow calls so."""
_DELAY_MS = 100
_OPAQUE = 255
_FASTEST = 9


def announced(format: str, head: bytes) -> bool:
    """Whether a file's first bytes say that it is an animation.

    PNG says so by an acTL chunk before its pixels (APNG 1.0), AVIF by its major brand.
    """
    if format == "avif":
        return head[8:12] == b"avis"
    return format == "png" and b"acTL" in head[: max(head.find(b"IDAT"), 0) or len(head)]


def count(source: Path, format: str) -> int:
    """How many frames a file has.

    Raises:
        BadMedia: it is damaged.
    """
    with _opened(source, format) as image:
        return int(getattr(image, "n_frames", 1))


def read(source: Path, format: str, max_pixels: int, *, first: bool = False) -> Any:
    """All frames below one another, or the first, as libvips' loaders give them: 8 bits a channel.

    Raises:
        TooManyPixels: the frames together have too many.
        BadMedia: the file is damaged.
    """
    with _opened(source, format) as image:
        frames, (width, height) = int(getattr(image, "n_frames", 1)), image.size
        frames = 1 if first else frames
        if width * height * frames > max_pixels:
            raise TooManyPixels(
                f"the frames have {width * height * frames} pixels; {max_pixels} are allowed",
                limit=max_pixels,
                value=width * height * frames,
                hint=None if first else "animated: false takes the first alone",
            )
        clear = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
        pixels, delays = _frames(image, frames, "RGBA" if clear else "RGB")
        info = dict(image.info)
    stack = pyvips.Image.new_from_memory(pixels, width, height * frames, 4 if clear else 3, "uchar")
    stack = stack.copy(interpretation="srgb")
    stack.set_type(pyvips.GValue.gint_type, "page-height", height)
    stack.set_type(pyvips.GValue.gint_type, "n-pages", frames)
    stack.set_type(pyvips.GValue.array_int_type, "delay", delays)
    if format == "avif" and frames > 1:
        info["loop"] = repeats.plays(source)
    stack.set_type(pyvips.GValue.gint_type, "loop", int(info.get("loop") or 0))
    for name, field in _BLOCKS.items():
        if info.get(name):
            stack.set_type(pyvips.GValue.blob_type, field, info[name])
    profile = info.get("icc_profile")
    return space.with_profile(stack, profile) if profile else stack


def write(image: Any, settings: "Settings") -> bytes:
    """The file of a stack of frames, with the profile, EXIF and XMP that it carries."""
    image = image.copy_memory()
    if image.hasalpha() and image[image.bands - 1].min() == _OPAQUE:
        image = image.extract_band(0, n=image.bands - 1)
    frames = list(_split(image))
    options: dict[str, Any] = {
        "format": _PLUGINS[settings.output],
        "save_all": True,
        "append_images": frames[1:],
        "duration": _delays(image, len(frames)),
        "icc_profile": space.profile_of(image),
        "exif": _blob(image, keeping.EXIF) or b"",
    }
    options |= _png(image) if settings.output == "png" else _avif(image, settings)
    file = BytesIO()
    frames[0].save(file, **options)
    data = bytearray(file.getvalue())
    if settings.output == "avif":
        _undate(data, 0, len(data))
        repeats.repeat(data, _loop(image))
    return bytes(data)


def _undate(data: bytearray, start: int, end: int) -> None:
    """Clear the times at which a movie and its tracks were made: equal work gives equal files.

    They lie behind version and flags in three boxes (ISO/IEC 14496-12, 8.2.2, 8.3.2, 8.4.2).
    """
    for kind, first, last in boxes(bytes(data), start, end):
        if kind in {b"moov", b"trak", b"mdia"}:
            _undate(data, first, last)
        elif kind in {b"mvhd", b"tkhd", b"mdhd"}:
            size = 16 if data[first] == 1 else 8
            data[first + 4 : first + 4 + size] = bytes(size)


def _png(image: Any) -> dict[str, Any]:
    from PIL import PngImagePlugin

    texts = PngImagePlugin.PngInfo()
    packet = _blob(image, keeping.XMP)
    if packet:
        texts.add_itxt("XML:com.adobe.xmp", packet.decode("utf-8", "replace"))
    return {"loop": _loop(image), "pnginfo": texts, "default_image": False}


def _avif(image: Any, settings: "Settings") -> dict[str, Any]:
    lossless = settings.quality is None
    full = settings.encoding.chroma == "4:4:4" or (settings.quality or 0) >= 90  # noqa: PLR2004
    return {
        "quality": 100 if lossless else settings.quality,
        "subsampling": "4:4:4"
        if lossless or (full and settings.encoding.chroma != "4:2:0")
        else "4:2:0",
        "speed": _FASTEST - settings.effort,
        "max_threads": 1,
        "xmp": _blob(image, keeping.XMP) or b"",
    }


def _opened(source: Path, format: str) -> Any:
    from PIL import AvifImagePlugin, Image

    # As many threads as there are cores, else: a job has one.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    try:
        with warnings.catch_warnings():
            # Our own limits stand in place of the warning; Pillow's hard limit still applies.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(source, formats=(_PLUGINS[format],))
    except MemoryError:
        raise
    except Exception as error:
        raise engine.damaged(error) from error


def _frames(image: Any, frames: int, mode: str) -> tuple[bytearray, list[int]]:
    pixels, delays = bytearray(), []
    try:
        for number in range(frames):
            image.seek(number)
            pixels += image.convert(mode).tobytes()
            delays.append(round(image.info.get("duration") or _DELAY_MS))
    except MemoryError:
        raise
    except Exception as error:
        raise engine.damaged(error) from error
    return pixels, delays


def _split(image: Any) -> Iterator[Any]:
    from PIL import Image

    height, bands = image.get_page_height(), image.bands
    mode = ("L", "LA", "RGB", "RGBA")[bands - 1]
    pixels = memoryview(image.write_to_memory())
    size = image.width * height * bands
    for start in range(0, len(pixels), size):
        yield Image.frombytes(mode, (image.width, height), bytes(pixels[start : start + size]))


def _delays(image: Any, frames: int) -> list[int]:
    delays = list(image.get("delay")) if image.get_typeof("delay") else []
    # A delay of 0 or 10 ms means 100 ms to every browser, of old.
    shown = [delay if delay > 10 else _DELAY_MS for delay in delays[:frames]]  # noqa: PLR2004
    return shown + [_DELAY_MS] * (frames - len(shown))


def _loop(image: Any) -> int:
    """How often it is played; 0 is for ever."""
    return int(image.get("loop")) if image.get_typeof("loop") else 0


def _blob(image: Any, name: str) -> bytes | None:
    return image.get(name) if image.get_typeof(name) else None
