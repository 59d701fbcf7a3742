"""Image formats whose sort or size stands in their headers."""

import re

from mediakiln.adapters.detector.pictures import tags
from mediakiln.adapters.detector.pictures.boxes import named, whole
from mediakiln.adapters.detector.pictures.facts import picture
from mediakiln.adapters.detector.probes import reasons
from mediakiln.adapters.detector.probes.window import Window, be, found, guessing, le, refuse
from mediakiln.model.kind import Kind
from mediakiln.ports.detector import Detection

RAW_SUFFIXES = {".3fr", ".arw", ".dng", ".erf", ".iiq", ".mef", ".nef", ".nrw", ".pef", ".srw"}

_PNG_CHUNKS = 64
_JPEG_SEGMENTS = 512
_JPEG_EXIF = 0xE1
_EXIF_BYTES = 64 * 1024
"""Of a block of EXIF: what says how the picture lies stands at its beginning."""
_WEBP_EXIF = 0x08
_WEBP_CHUNKS = 24
_ICO_ENTRIES = 256
_BIG_TIFF = 43
_BMP_HEADERS = {40, 52, 56, 64, 108, 124}
_BMP_CORE_HEADER = 12
_JPEG_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ENDS = {0xD9, 0xDA}
_NETPBM = re.compile(rb"P[1-6]\s+(?:#[^\n]{0,500}\n\s*){0,16}(\d{1,9})\s+(\d{1,9})\s")
_NETPBM_SORTS = ("bitmap", "graymap", "pixmap")


def png(window: Window) -> Detection:
    """PNG, or APNG where an `acTL` chunk precedes the picture's data; `eXIf` says how it lies."""
    header = window.peek(8, 16)
    size = (be(header[8:12]), be(header[12:16])) if header[4:8] == b"IHDR" else (0, 0)
    media_type, turned, at = "image/png", None, 8
    for _ in range(_PNG_CHUNKS):
        with guessing(picture(media_type, *size, turned)):
            chunk = window.read(at, 8)
            if chunk[4:] in {b"IDAT", b"IEND", b""}:
                break
            if chunk[4:] == b"acTL":
                media_type = "image/apng"
            elif chunk[4:] == b"eXIf":
                turned = tags.orientation(window.read(at + 8, min(be(chunk[:4]), _EXIF_BYTES)))
        at += 12 + be(chunk[:4])
    return picture(media_type, *size, turned)


def jpeg(window: Window) -> Detection:
    """JPEG, with the size of its first frame, and how it lies by the EXIF before that."""
    at, turned = 2, None
    for _ in range(_JPEG_SEGMENTS):
        with guessing(picture("image/jpeg", orientation=turned)):
            segment = window.read(at, 10)
            if len(segment) < 9 or segment[0] != 0xFF or segment[1] in _JPEG_ENDS:
                break
            if segment[1] in _JPEG_FRAMES:
                return picture("image/jpeg", be(segment[7:9]), be(segment[5:7]), turned)
            if segment[1] == _JPEG_EXIF and turned is None and segment[4:10] == b"Exif\0\0":
                turned = tags.orientation(window.read(at + 4, be(segment[2:4]) - 2))
        if segment[1] == 0xFF:
            at += 1
        elif segment[1] in _JPEG_STANDALONE:
            at += 2
        else:
            at += 2 + max(be(segment[2:4]), 2)
    return picture("image/jpeg", orientation=turned)


def gif(window: Window) -> Detection:
    """GIF with the size of its logical screen."""
    header = window.peek(6, 4)
    return picture("image/gif", le(header[:2]), le(header[2:4]))


def webp(window: Window) -> Detection:
    """WebP: the canvas of VP8X, else the frame of VP8 or VP8L (RFC 9649, section 2)."""
    head = window.peek(12, 18)
    if head[:4] == b"VP8X":
        size = le(head[12:15]) + 1, le(head[15:18]) + 1
        if not head[8] & _WEBP_EXIF:
            return picture("image/webp", *size)
        with guessing(picture("image/webp", *size)):
            return picture("image/webp", *size, _webp_orientation(window))
    if head[:4] == b"VP8L" and head[8:9] == b"\x2f":
        bits = le(head[9:13])
        return picture("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if head[:4] == b"VP8 " and head[11:14] == b"\x9d\x01\x2a":
        return picture("image/webp", le(head[14:16]) & 0x3FFF, le(head[16:18]) & 0x3FFF)
    return picture("image/webp")


def _webp_orientation(window: Window) -> int | None:
    """What the chunk of EXIF says, which stands behind the pixels."""
    at = 12
    for _ in range(_WEBP_CHUNKS):
        chunk = window.read(at, 8)
        length = le(chunk[4:8])
        if chunk[:4] == b"EXIF":
            return tags.orientation(window.read(at + 8, min(length, _EXIF_BYTES)))
        if len(chunk) < len("EXIFsize"):
            break
        at += 8 + length + length % 2
    return None


def bmp(window: Window) -> Detection | None:
    """BMP, if a known header follows the two letters, which are too few by themselves."""
    header = window.peek(14, 12)
    if le(header[:4]) == _BMP_CORE_HEADER:
        return picture("image/bmp", le(header[4:6]), le(header[6:8]))
    if le(header[:4]) not in _BMP_HEADERS:
        return None
    width, height = (int.from_bytes(header[i : i + 4], "little", signed=True) for i in (4, 8))
    return picture("image/bmp", abs(width), abs(height))


def ico(window: Window) -> Detection | None:
    """Windows icons and cursors, if their first directory entry points behind the directory.

    They are as large as the largest picture in them.
    """
    header = window.peek(0, 22)
    count = le(header[4:6])
    length, start = le(header[14:18]), le(header[18:22])
    if not count or not length or header[9:10] != b"\x00" or start < 6 + 16 * count:
        return None
    entries = window.peek(6, 16 * min(count, _ICO_ENTRIES))
    sides = [(entries[at] or 256, entries[at + 1] or 256) for at in range(0, len(entries) - 15, 16)]
    largest = max(sides, key=lambda pair: pair[0] * pair[1], default=(0, 0))
    return picture("image/vnd.microsoft.icon", *largest)


def qoi(window: Window) -> Detection:
    """QOI with its size."""
    header = window.peek(4, 8)
    return picture("image/qoi", be(header[:4]), be(header[4:8]))


def netpbm(window: Window) -> Detection | None:
    """Portable bitmaps, graymaps and pixmaps (P1 to P6), if a size follows the two letters."""
    match = _NETPBM.match(window.head)
    if match is None:
        return None
    sort = _NETPBM_SORTS[(window.head[1] - ord("1")) % 3]
    return picture(f"image/x-portable-{sort}", int(match[1]), int(match[2]))


def psd(window: Window) -> Detection | None:
    """Photoshop documents, versions 1 (PSD) and 2 (PSB)."""
    header = window.peek(4, 18)
    if be(header[:2]) not in {1, 2}:
        return None
    return picture("image/vnd.adobe.photoshop", be(header[14:18]), be(header[10:14]))


def tiff(window: Window) -> Detection:
    """TIFF; the digital negatives that share its container are refused.

    A DNG says so itself. Other makers' raw files are TIFF by every byte, so there the name's
    suffix decides the tie.
    """
    if window.suffix in RAW_SUFFIXES:
        return refuse("image/x-raw", reasons.RAW)
    order, start, size = tags.order_of(window.head), 4, tags.CLASSIC
    if order(window.peek(2, 2)) == _BIG_TIFF:
        start, size = 8, tags.BIG
    width = start  # of numbers that say where something is
    with guessing(picture("image/tiff")):
        at = order(window.read(start, width))
        counted = 8 if size == tags.BIG else 2
        count = min(order(window.read(at, counted)), tags.MOST_ENTRIES)
        entries = window.read(at + counted, count * size)
    found = tags.fields(entries, order, size=size)
    # BigTIFF is of no raw format.
    if tags.DNG_VERSION in found and size == tags.CLASSIC:
        return refuse("image/x-adobe-dng", reasons.RAW)
    sides = found.get(tags.WIDTH, 0), found.get(tags.HEIGHT, 0)
    return picture("image/tiff", *sides, found.get(tags.ORIENTATION))


def jpeg2000(window: Window) -> Detection:
    """JPEG 2000 by the brand of its `ftyp` box, the second in the file; `jp2h` has the size."""
    brand = window.peek(20, 4)
    if brand == b"mjp2":
        return found("video/mj2", Kind.VIDEO)
    media_type = {b"jpx ": "image/jpx", b"jpm ": "image/jpm"}.get(brand, "image/jp2")
    with guessing(picture(media_type)):
        header = next(named(b"jp2h", window, whole(window)), None)
        place = next(named(b"ihdr", window, header), None) if header else None
        sides = window.read(place[0], 8) if place else b""
    return picture(media_type, be(sides[4:8]), be(sides[:4]))


def codestream2000(window: Window) -> Detection:
    """A bare codestream of JPEG 2000: its first marker tells the size (ITU-T T.800, A.5.1)."""
    sides = [be(window.peek(at, 4)) for at in (8, 12, 16, 20)]
    return picture("image/j2c", max(sides[0] - sides[2], 0), max(sides[1] - sides[3], 0))
