"""Image formats whose sort or size stands in their headers."""

import re

from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.window import Window, be, found, guessing, le, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

RAW_SUFFIXES = {".3fr", ".arw", ".dng", ".erf", ".iiq", ".mef", ".nef", ".nrw", ".pef", ".srw"}

_PNG_CHUNKS = 64
_JPEG_SEGMENTS = 512
_TIFF_ENTRIES = 128
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_DNG_VERSION = 256, 257, 50706
_TIFF_SHORT = 3
_BMP_HEADERS = {40, 52, 56, 64, 108, 124}
_BMP_CORE_HEADER = 12
_JPEG_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ENDS = {0xD9, 0xDA}
_NETPBM = re.compile(rb"P[1-6]\s+(?:#[^\n]{0,500}\n\s*){0,16}(\d{1,9})\s+(\d{1,9})\s")
_NETPBM_SORTS = ("bitmap", "graymap", "pixmap")


def image(media_type: str, width: int = 0, height: int = 0) -> Detection:
    """An image; the size in pixels is left out where it is not known."""
    return found(media_type, Kind.IMAGE, width=width or None, height=height or None)


def png(window: Window) -> Detection:
    """PNG, or APNG where an `acTL` chunk precedes the picture's data."""
    header = window.peek(8, 16)
    size = (be(header[8:12]), be(header[12:16])) if header[4:8] == b"IHDR" else (0, 0)
    at = 8
    with guessing(image("image/png", *size)):
        for _ in range(_PNG_CHUNKS):
            chunk = window.read(at, 8)
            if chunk[4:] == b"acTL":
                return image("image/apng", *size)
            if chunk[4:] in {b"IDAT", b"IEND", b""}:
                break
            at += 12 + be(chunk[:4])
    return image("image/png", *size)


def jpeg(window: Window) -> Detection:
    """JPEG, with the size of its first frame where that stands in the head."""
    at = 2
    for _ in range(_JPEG_SEGMENTS):
        segment = window.peek(at, 9)
        if len(segment) < 9 or segment[0] != 0xFF or segment[1] in _JPEG_ENDS:
            break
        if segment[1] in _JPEG_FRAMES:
            return image("image/jpeg", be(segment[7:9]), be(segment[5:7]))
        if segment[1] == 0xFF:
            at += 1
        elif segment[1] in _JPEG_STANDALONE:
            at += 2
        else:
            at += 2 + be(segment[2:4])
    return image("image/jpeg")


def gif(window: Window) -> Detection:
    """GIF with the size of its logical screen."""
    header = window.peek(6, 4)
    return image("image/gif", le(header[:2]), le(header[2:4]))


def webp(window: Window) -> Detection:
    """WebP: the canvas of VP8X, else the frame of VP8 or VP8L."""
    head = window.peek(12, 18)
    if head[:4] == b"VP8X":
        return image("image/webp", le(head[12:15]) + 1, le(head[15:18]) + 1)
    if head[:4] == b"VP8L" and head[8:9] == b"\x2f":
        bits = le(head[9:13])
        return image("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if head[:4] == b"VP8 " and head[11:14] == b"\x9d\x01\x2a":
        return image("image/webp", le(head[14:16]) & 0x3FFF, le(head[16:18]) & 0x3FFF)
    return image("image/webp")


def bmp(window: Window) -> Detection | None:
    """BMP, if a known header follows the two letters, which are too few by themselves."""
    header = window.peek(14, 12)
    if le(header[:4]) == _BMP_CORE_HEADER:
        return image("image/bmp", le(header[4:6]), le(header[6:8]))
    if le(header[:4]) not in _BMP_HEADERS:
        return None
    width, height = (int.from_bytes(header[i : i + 4], "little", signed=True) for i in (4, 8))
    return image("image/bmp", abs(width), abs(height))


def ico(window: Window) -> Detection | None:
    """Windows icons and cursors, if their first directory entry points behind the directory."""
    header = window.peek(0, 22)
    count = le(header[4:6])
    length, start = le(header[14:18]), le(header[18:22])
    if not count or not length or header[9:10] != b"\x00" or start < 6 + 16 * count:
        return None
    return image("image/vnd.microsoft.icon", header[6] or 256, header[7] or 256)


def qoi(window: Window) -> Detection:
    """QOI with its size."""
    header = window.peek(4, 8)
    return image("image/qoi", be(header[:4]), be(header[4:8]))


def netpbm(window: Window) -> Detection | None:
    """Portable bitmaps, graymaps and pixmaps (P1 to P6), if a size follows the two letters."""
    match = _NETPBM.match(window.head)
    if match is None:
        return None
    sort = _NETPBM_SORTS[(window.head[1] - ord("1")) % 3]
    return image(f"image/x-portable-{sort}", int(match[1]), int(match[2]))


def psd(window: Window) -> Detection | None:
    """Photoshop documents, versions 1 (PSD) and 2 (PSB)."""
    header = window.peek(4, 18)
    if be(header[:2]) not in {1, 2}:
        return None
    return image("image/vnd.adobe.photoshop", be(header[14:18]), be(header[10:14]))


def tiff(window: Window) -> Detection:
    """TIFF; the digital negatives that share its container are refused.

    A DNG says so itself. Other makers' raw files are TIFF by every byte, so there the name's
    suffix decides the tie.
    """
    if window.suffix in RAW_SUFFIXES:
        return refuse("image/x-raw", reasons.RAW)
    order = le
    if window.head[:2] == b"MM":
        order = be
    if order(window.peek(2, 2)) == 43:  # BigTIFF has wider fields, and no raw format uses it
        return image("image/tiff")
    tags: dict[int, int] = {}
    with guessing(image("image/tiff")):
        start = order(window.peek(4, 4))
        count = min(order(window.read(start, 2)), _TIFF_ENTRIES)
        entries = window.read(start + 2, count * 12)
    for at in range(0, len(entries) - 11, 12):
        width = 2 if order(entries[at + 2 : at + 4]) == _TIFF_SHORT else 4
        tags[order(entries[at : at + 2])] = order(entries[at + 8 : at + 8 + width])
    if _TIFF_DNG_VERSION in tags:
        return refuse("image/x-adobe-dng", reasons.RAW)
    return image("image/tiff", tags.get(_TIFF_WIDTH, 0), tags.get(_TIFF_HEIGHT, 0))


def jpeg2000(window: Window) -> Detection:
    """JPEG 2000 by the brand of its `ftyp` box, the second in the file."""
    brand = window.peek(20, 4)
    if brand == b"mjp2":
        return found("video/mj2", Kind.VIDEO)
    return image({b"jpx ": "image/jpx", b"jpm ": "image/jpm"}.get(brand, "image/jp2"))
