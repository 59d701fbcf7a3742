"""What an image is by its first bytes, and what it becomes when nobody says."""

import re
import struct
from typing import Final, Literal

Format = Literal[
    "jpeg",
    "png",
    "webp",
    "avif",
    "gif",
    "tiff",
    "svg",
    "heic",
    "bmp",
    "ico",
    "jp2",
    "qoi",
    "pnm",
    "jxl",
]
Output = Literal["jpeg", "png", "webp", "avif", "gif", "tiff", "jxl"]

HEAD_BYTES = 4096

ACCEPTS = (
    "image/jpeg",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "image/gif",
    "image/tiff",
    "image/svg+xml",
    "image/heic",
    "image/heif",
    "image/bmp",
    "image/x-ms-bmp",
    "image/vnd.microsoft.icon",
    "image/x-icon",
    "image/jxl",
    "image/jp2",
    "image/jpx",
    "image/jpeg2000",
    "image/j2c",
    "image/qoi",
    "image/x-qoi",
    "image/x-portable-anymap",
    "image/x-portable-bitmap",
    "image/x-portable-graymap",
    "image/x-portable-pixmap",
)
MEDIA_TYPES: dict[Output, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "jxl": "image/jxl",
}
EXTENSIONS: dict[Output, str] = {
    "jpeg": "jpg",
    "png": "png",
    "webp": "webp",
    "avif": "avif",
    "gif": "gif",
    "tiff": "tif",
    "jxl": "jxl",
}

_WEB: dict[Format, Output] = {
    "jpeg": "jpeg",
    "png": "png",
    "webp": "webp",
    "avif": "avif",
    "gif": "gif",
}
MODERN: Final = frozenset({"webp", "avif"})
"""Formats that browsers show, but not all of them."""
_PHOTOGRAPHS = frozenset({"jpeg", "heic", "tiff", "jp2", "pnm", "jxl"})
_PHOTOGRAPHIC_BITS = 8
_SIGNATURES: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"BM", "bmp"),
    (b"\x00\x00\x01\x00", "ico"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"qoif", "qoi"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"\xff\x0a", "jxl"),
)
_DRAWING = re.compile(rb"<(?:[\w.-]+:)?svg[\s>/]")
_PRELUDES = (b"<?xml", b"<!--", b"<!DOCTYPE svg")
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"}
)


def sniff(head: bytes) -> Format | None:
    """Name the format of a file that begins with `head`; None when it is none of ours."""
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3] in b" \t\r\n":
        return "pnm"
    return _heif(head) or _svg(head)


def default_output(source: Format, *, alpha: bool, lossless: bool, bits: int = 8) -> Output:
    """What format `auto` means for a source: see the parameter's description.

    What has fewer than 8 bits a channel, such as a scan in black and white, is a drawing.
    """
    kept = _WEB.get(source)
    if kept and not (lossless and kept == "jpeg"):
        return kept
    photograph = source in _PHOTOGRAPHS and bits >= _PHOTOGRAPHIC_BITS
    return "jpeg" if photograph and not alpha and not lossless else "png"


def _heif(head: bytes) -> Format | None:
    """Judge by the brands of an ISO base media file (ISO/IEC 14496-12, section 4.3)."""
    if head[4:8] != b"ftyp":
        return None
    size = struct.unpack(">I", head[:4])[0]
    box = head[8 : min(size, len(head))]
    brands = {box[:4]} | {box[i : i + 4] for i in range(8, len(box) - 3, 4)}
    if brands & {b"avif", b"avis"}:
        return "avif"
    return "heic" if brands & _HEIF_BRANDS else None


def _svg(head: bytes) -> Format | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith(b"<"):
        return None
    if _DRAWING.search(text):
        return "svg"
    # What stands before the drawing may be longer than what was read.
    return "svg" if len(head) >= HEAD_BYTES and text.startswith(_PRELUDES) else None
