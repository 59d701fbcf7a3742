"""libvips, set up for files that nobody trusts, and its errors in our words.

Imported only where an image is worked on: it loads the library, but starts no thread.
"""

import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyvips

from mediakiln.model.errors import (
    BadMedia,
    MediakilnError,
    MemoryExceeded,
    ModelUnavailable,
    StorageFull,
    UnsupportedMedia,
)

_PHRASES: tuple[tuple[str, type[MediakilnError], str], ...] = (
    # By its signature it is of one: files of others do not come as far as libvips.
    ("not in a known format", BadMedia, "the image is damaged: its structure cannot be read"),
    ("read error at scanline", BadMedia, "the image is damaged: some of its pixels cannot be read"),
    ("operation is blocked", UnsupportedMedia, "images of this format are not decoded here"),
    ("not been built in", ModelUnavailable, "the image's codec is not installed"),
    ("not configured", ModelUnavailable, "the image's codec is not installed"),
    ("unsupported codec", ModelUnavailable, "the image's codec is not installed"),
    ("no space left", StorageFull, "there is no space left for the result"),
    ("out of memory", MemoryExceeded, "the image needs more memory than the step may have"),
    ("insufficient memory", MemoryExceeded, "the image needs more memory than the step may have"),
)

_SYMPTOM = re.compile(r"unable to (call|write|copy)\b|source: bad seek\b")
"""How libvips begins to say that something did not come about; why stands below."""
_CALLER = re.compile(r"^\w*(?:vips|jpeg|png|webp|heif|tiff|gif|svg)\w*: ", re.IGNORECASE)
_ONCE = "vips-sequential"
"""By which libvips' operations know that pixels come from top to bottom, once."""
_PATH = re.compile(r"(?<!\S)/\S+")


def setup(threads: int) -> None:
    """Allow only the loaders that libvips trusts, and SVG; one job needs no operation cache.

    SVG is read through a stream without a base address, so librsvg opens nothing that the
    file refers to; `tests/golden/test_image_svg.py` watches that it does not.
    """
    pyvips.block_untrusted_set(state=True)
    pyvips.operation_block_set("VipsForeignLoadMatrix", state=True)
    pyvips.operation_block_set("VipsForeignLoadSvg", state=False)
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(threads)
    # Warnings of an earlier step in this process would stand before this one's error.
    pyvips.vips_lib.vips_error_clear()


def open_source(path: Path) -> Any:
    """A libvips source by descriptor: a path would be searched for options in brackets."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return pyvips.Source.new_from_descriptor(descriptor)
    finally:
        os.close(descriptor)


def loaded(source: Any, format: str, **options: Any) -> Any:
    """The image of a source, by the loader of its format; damaged pixels are an error.

    A drawing is told by our own look at it: libvips looks for it in the first 1,000 bytes alone,
    which a DOCTYPE with its entities, as drawing programs write it, may fill.
    """
    if format == "svg":
        return pyvips.Image.svgload_source(source, fail_on="error", **options)
    return pyvips.Image.new_from_source(source, "fail_on=error", **options)


def readable(image: Any) -> Any:
    """The image without fields whose name or text is not UTF-8, which pyvips cannot read.

    Keywords and texts of PNG are Latin-1 (third edition, section 11.3.3), and libvips passes them
    on as they are.
    """
    strange = [name for name in _field_names(image) if not _is_utf8(image, name)]
    if not strange:
        return image
    image = image.copy()
    for name in strange:
        image.remove(name)
    return image


def _field_names(image: Any) -> list[bytes]:
    listed, names = pyvips.vips_lib.vips_image_get_fields(image.pointer), []
    for name in itertools.takewhile(pyvips.ffi.NULL.__ne__, (listed[n] for n in itertools.count())):
        names.append(pyvips.ffi.string(name))
        pyvips.glib_lib.g_free(name)
    pyvips.glib_lib.g_free(listed)
    return names


def _is_utf8(image: Any, name: bytes) -> bool:
    try:
        name.decode()
        if image.get_typeof(name) in {pyvips.GValue.gstr_type, pyvips.GValue.refstr_type}:
            image.get(name)
    except UnicodeDecodeError:
        return False
    return True


def carrying(image: Any, header: Any) -> Any:
    """An image with all that a header of the same size says, and nothing that it does not."""
    header = readable(header)
    image = image.copy(interpretation=header.interpretation, xres=header.xres, yres=header.yres)
    own = {*pyvips.Image.black(1, 1).get_fields(), _ONCE}
    said = set(header.get_fields()) - own
    for field in said:
        image.set_type(header.get_typeof(field), field, header.get(field))
    # Last: EXIF that is set says which way up, which decoders may have seen to and taken away.
    for field in set(image.get_fields()) - own - said:
        image.remove(field)
    return image


@contextmanager
def translated() -> Iterator[None]:
    """Turn libvips' errors into `BadMedia`, `UnsupportedMedia`, `ModelUnavailable`, ...."""
    try:
        yield
    except pyvips.Error as error:
        raise explain(str(error)) from error
    except UnicodeDecodeError as error:
        # What libvips says may hold bytes of the file; then pyvips makes no error of it.
        said = pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer())
        if not said:
            raise
        pyvips.vips_lib.vips_error_clear()
        raise explain(said.decode(errors="replace")) from error


def explain(text: str) -> MediakilnError:
    """The error that libvips' message means."""
    lowered = text.lower()
    for phrase, kind, message in _PHRASES:
        if phrase in lowered:
            return kind(message)
    return BadMedia(f"the image is damaged: {_reason(text)}")


def damaged(error: Exception) -> BadMedia:
    """The error for what another decoder than libvips said; never with the file's path."""
    said = "" if isinstance(error, OSError) and "cannot identify" in str(error) else str(error)
    return BadMedia(f"the image is damaged: {said[:200] or 'unreadable'}")


def _reason(text: str) -> str:
    """The first line that names a cause, without libvips' own words around it, or a path."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line for line in lines if not _SYMPTOM.match(line)]
    cause = _CALLER.sub("", causes[0]) if causes else ""
    return _PATH.sub("a file", cause)[:200] or "it cannot be read"
