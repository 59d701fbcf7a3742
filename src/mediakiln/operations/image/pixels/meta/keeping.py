"""What of the source's metadata goes with the result."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyvips

from mediakiln.operations.image.pixels import engine
from mediakiln.operations.image.pixels.meta import exif, iptc, mapped, xmp
from mediakiln.operations.image.pixels.meta import png as chunks

if TYPE_CHECKING:
    from mediakiln.operations.image.pixels.encoding import Encoding
    from mediakiln.operations.image.pixels.formats import Output

EXIF: Final = "exif-data"
XMP: Final = "xmp-data"
IPTC: Final = "iptc-data"
_FIELDS: Final = {"exif": EXIF, "xmp": XMP, "iptc": IPTC}

_CARRIED = re.compile(
    r"exif-|xmp-data$|iptc-data$|photoshop-data$|jpeg-thumbnail-data$|gainmap|orientation$|"
    r"image-description$|png-comment-|gif-comment"
)
"""Fields of libvips that its savers would write, or take for the picture's own."""

_WITH_RECORDS: Final[frozenset["Output"]] = frozenset({"jpeg", "tiff"})
"""Formats with a place for IPTC's records; in others XMP says what they say."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Blocks that are free of what must not leave; None where there is nothing to keep."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    """Bare records."""


def kept(
    header: Any,
    encoding: "Encoding",
    *,
    picture: exif.Picture,
    tiff: Path | None = None,
    png: Path | None = None,
) -> Kept:
    """What the parameters keep of an opened image's metadata; damaged blocks are left out.

    `picture` is the result; `tiff` or `png` the file, where it is one: what such a file says is
    not all in libvips' header.
    """
    if encoding.metadata not in {"copyright", "keep"}:
        return Kept()
    what = {"rights_only": encoding.metadata == "copyright", "location": encoding.location}
    found = {name: header.get(name) for name in _FIELDS.values() if header.get_typeof(name)}
    if png is not None:
        found |= {_FIELDS[name]: data for name, data in chunks.blocks(png).items()}
    block = exif.cleaned(found[EXIF], **what, picture=picture) if EXIF in found else None
    return Kept(
        exif=exif.of_tiff(tiff, **what, picture=picture) if tiff else block,
        xmp=xmp.cleaned(found[XMP], **what) if XMP in found else None,
        iptc=iptc.cleaned(found[IPTC], **what) if IPTC in found else None,
    )


def attached(image: Any, blocks: Kept, output: "Output") -> Any:
    """The image with these blocks, and its profile, as all that it carries of metadata."""
    image = engine.readable(image).copy()
    for name in image.get_fields():
        if _CARRIED.match(name):
            image.remove(name)
    if blocks.exif:
        for name, value in exif.fields(blocks.exif).items():
            kind = pyvips.GValue.blob_type if isinstance(value, bytes) else pyvips.GValue.gstr_type
            image.set_type(kind, name, value)
    packet = blocks.xmp
    if blocks.iptc and output not in _WITH_RECORDS:
        packet = mapped.joined(packet, blocks.iptc)
    elif blocks.iptc:
        wrapped = iptc.for_tiff if output == "tiff" else iptc.in_blocks
        image.set_type(pyvips.GValue.blob_type, IPTC, wrapped(blocks.iptc))
    if packet:
        image.set_type(pyvips.GValue.blob_type, XMP, packet)
    return image
