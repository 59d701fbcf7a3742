"""Raster files that lie, loop or swell, made on the spot: name to bytes."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from golden.image_samples import frames, scene, srgb_profile

Maker = Callable[[], bytes]
SIDE = 64_250


def encoded(format: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """A sound file of this format."""
    buffer = io.BytesIO()
    (image or scene(96, 64)).save(buffer, format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int = 10,
    height: int = 10,
    extra: bytes = b"",
    *,
    pixels: bytes = bytes(110),
    depth: int = 8,
    colours: int = 0,
    interlaced: bool = False,
) -> bytes:
    """A PNG that declares this size, whatever its pixels are."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlaced)
    data = chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data


def tiff(
    entries: Sequence[tuple[int, int, int, int]], following: int = 0, tail: bytes = b""
) -> bytes:
    """A little-endian TIFF of one directory at 8; `following` is where the next one lies."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + body + struct.pack("<I", following) + tail


def grey(width: int, height: int, **changes: int) -> list[tuple[int, int, int, int]]:
    """The tags of a grey picture in one strip of 64 bytes, which begins behind 200 others."""
    tags = {
        256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 278: height, 279: 64,
    }  # fmt: skip
    tags |= {int(name[1:]): value for name, value in changes.items()}
    return [(tag, 4, 1, value) for tag, value in tags.items()]


def _jpeg_header(**options: Any) -> bytearray:
    data = bytearray(encoded("JPEG", **options))
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5
    data[at : at + 4] = struct.pack(">HH", SIDE, SIDE)
    return data


def _segments(kind: int, label: bytes, pieces: Sequence[bytes]) -> bytes:
    plain = encoded("JPEG")
    made = b"".join(
        struct.pack(">BBH", 0xFF, kind, len(label) + len(piece) + 2) + label + piece
        for piece in pieces
    )
    return plain[:2] + made + plain[2:]


def _scans() -> bytes:
    plain = encoded("JPEG", progressive=True)
    last = plain[plain.rfind(b"\xff\xda") : -2]
    return plain[:-2] + last * 80_000 + plain[-2:]


def _profile_pieces(size: int) -> list[bytes]:
    profile = bytearray(srgb_profile())
    profile += bytes(max(0, size - len(profile)))
    profile[:4] = struct.pack(">I", len(profile))
    parts = [bytes(profile[at : at + 65_000]) for at in range(0, len(profile), 65_000)]
    return [bytes([n + 1, len(parts)]) + part for n, part in enumerate(parts)]


def _tags_without_end() -> bytes:
    profile = bytearray(srgb_profile())
    profile[128:132] = b"\xff\xff\xff\xff"
    return bytes(profile)


def _exif(*, offset: int, count: int = 1, kind: int = 4, following: int = 8) -> bytes:
    """EXIF whose directories point at themselves."""
    entries = [(0x8769, kind, count, offset), (0x8825, kind, count, offset), (0xA005, 4, 1, 8)]
    return _segments(0xE1, b"Exif\0\0", [tiff(entries, following)])


def _gif(width: int, height: int, count: int, *, delay: int = 1) -> bytes:
    """A GIF of so many frames of one pixel each, on a canvas of this size."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x21\xf9\x04\0" + struct.pack("<H", delay) + b"\0\0"
    frame += b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + frame * count + b"\x3b"


def _gif_without_codes() -> bytes:
    """A frame of 20,000 x 10,000 pixels behind which hardly any codes stand."""
    head = b"GIF89a" + struct.pack("<HHBBB", 20_000, 10_000, 0x80, 0, 0) + bytes(6)
    return head + b"\x2c" + struct.pack("<HHHHB", 0, 0, 20_000, 10_000, 0) + b"\x02\x02\x44\x01\0;"


def _apng(count: int) -> bytes:
    plain = encoded("PNG", Image.new("L", (4, 4)))
    at = plain.index(b"IDAT") - 4
    size = struct.unpack(">I", plain[at : at + 4])[0]
    data = plain[at + 8 : at + 8 + size]
    made = bytearray(plain[:at] + chunk(b"acTL", struct.pack(">II", count, 0)))
    for n in range(count):
        control = struct.pack(">IIIIIHHBB", 2 * n, 4, 4, 0, 0, 1, 100, 0, 0)
        made += chunk(b"fcTL", control) + chunk(b"fdAT", struct.pack(">I", 2 * n + 1) + data)
    return bytes(made) + plain[at:]


def _webp(count: int) -> bytes:
    plain = encoded("WEBP", Image.new("RGB", (4, 4)))
    frame = struct.pack("<I", 0)[:3] * 2 + b"\3\0\0\3\0\0\1\0\0\0" + plain[12:]
    body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\3\0\0\3\0\0"
    body += b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    body += (b"ANMF" + struct.pack("<I", len(frame)) + frame) * count
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _pages(count: int) -> bytes:
    """A TIFF of so many one-pixel pages."""
    made = bytearray(b"II*\0" + struct.pack("<I", 8))
    size = 2 + 12 * 9 + 4
    for n in range(count):
        at = 8 + n * size
        page = tiff(grey(1, 1, t273=8, t279=1), at + size if n + 1 < count else 0)[8:]
        made += page
    return bytes(made)


def _deflated_tiff() -> bytes:
    """One strip of 400 kB that unpacks to 400 MB, for a picture of 8 x 8."""
    packed = zlib.compress(bytes(400_000_000), 9)
    return tiff(grey(8, 8, t259=8, t279=len(packed)), tail=bytes(200 - 122) + packed)


def _ico(inner: bytes) -> bytes:
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inner), 22) + inner


def _bmp(width: int, height: int, compression: int = 0) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1200, 0, 0, 54 + 1024) + info + bytes(1024 + 64)


def _jp2(width: int, height: int, tile: int) -> bytes:
    size = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, tile, tile, 0, 0, 1) + b"\7\1\1"
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + bytes(200)


def _walk(format: str) -> bytes:
    first, *rest = frames(4)
    return encoded(format, first, save_all=True, append_images=rest, duration=50)


def _text(count: int) -> bytes:
    texts = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(60_000_000), 9)) * count
    return png(10, 10, texts)


def _packed_profile() -> bytes:
    profile = bytearray(srgb_profile()) + bytes(200_000_000)
    profile[:4] = struct.pack(">I", len(profile))
    return png(10, 10, chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(profile), 9)))


RASTERS: dict[str, Maker] = {
    "header.jpg": lambda: bytes(_jpeg_header()),
    "header-progressive.jpg": lambda: bytes(_jpeg_header(progressive=True)),
    "scans.jpg": _scans,
    "profile-8MB.jpg": lambda: _segments(0xE2, b"ICC_PROFILE\0", _profile_pieces(8_000_000)),
    "profile-tags.jpg": lambda: _segments(
        0xE2, b"ICC_PROFILE\0", [b"\1\1" + _tags_without_end()]
    ),
    "profile-numbers.jpg": lambda: _segments(0xE2, b"ICC_PROFILE\0", [b"\xff\0rubbish"] * 300),
    "profile-noise.jpg": lambda: _segments(
        0xE2, b"ICC_PROFILE\0", [b"\1\1" + srgb_profile()[:100] + b"\xff" * 400]
    ),
    "exif-loop.jpg": lambda: _exif(offset=8),
    "exif-outside.jpg": lambda: _exif(offset=0x7FFFFFFF, following=0xFFFFFFF0),
    "exif-counts.jpg": lambda: _exif(offset=8, count=0xFFFFFFF, kind=5),
    "exif-overlaps.jpg": lambda: _segments(
        0xE1, b"Exif\0\0", [tiff([(256 + n, 5, 6_000, 8) for n in range(4_200)])]
    ),
    "numbers.tif": lambda: tiff(
        [*grey(8, 8), (0x9999, 5, 4_000_000, 200)], 0, bytes(100 + 64 + 32_000_000)
    ),
    "exif-counts-text.jpg": lambda: _segments(
        0xE1, b"Exif\0\0", [tiff([(270, 2, 0xFFFFFFF0, 8), (271, 12, 0x1FFFFFFF, 8)], 8)]
    ),
    "xmp-laughs.jpg": lambda: _segments(0xE1, b"http://ns.adobe.com/xap/1.0/\0", [laughs()]),
    "xmp-deep.jpg": lambda: _segments(
        0xE1, b"http://ns.adobe.com/xap/1.0/\0", [b"<a>" * 8_000 + b"</a>" * 8_000]
    ),
    "iptc-lengths.jpg": lambda: _segments(
        0xED, b"Photoshop 3.0\0", [b"8BIM\4\4\0\0\xff\xff\xff\xff\x1c\2\x19\xff\xff" + bytes(300)]
    ),
    "iptc-many.jpg": lambda: _segments(
        0xED, b"Photoshop 3.0\0",
        [b"8BIM\4\4\0\0" + struct.pack(">I", 63_000) + b"\x1c\2\x19\0\1k" * 10_500],
    ),
    "comments.jpg": lambda: _segments(0xFE, b"", [b"c" * 65_000] * 300),
    "gainmap.jpg": lambda: _segments(
        0xE2, b"MPF\0", [tiff([(0xB000, 7, 4, 1), (0xB001, 4, 1, 0xFFFF), (0xB002, 7, 1 << 24, 8)])]
    ),
    "header.png": lambda: png(225_000, 225_000),
    "content.png": lambda: png(14_000, 14_000, pixels=bytes(14_000 * 1751), depth=1),
    "interlaced.png": lambda: png(60_000, 3_000, depth=16, colours=6, interlaced=True),
    "text.png": lambda: _text(5),
    "profile-200MB.png": _packed_profile,
    "palette.png": lambda: png(10, 10, chunk(b"PLTE", bytes(3 * 300)), colours=3),
    "frames.png": lambda: _apng(5_000),
    "frames-announced.png": lambda: png(10, 10, chunk(b"acTL", struct.pack(">II", 0x7FFFFFFF, 0))),
    "frames-one-large.png": lambda: _apng(2).replace(
        struct.pack(">IIIII", 2, 4, 4, 0, 0), struct.pack(">IIIII", 2, 60_000, 60_000, 0, 0)
    ),
    "frames.gif": lambda: _gif(1, 1, 100_000),
    "canvas.gif": lambda: _gif(65_535, 65_535, 2),
    "canvas-of-frames.gif": lambda: _gif(10_000, 10_000, 900),
    "codes.gif": _gif_without_codes,
    "frames.webp": lambda: _webp(100_000),
    "canvas.webp": lambda: _webp(2).replace(b"\3\0\0\3\0\0", b"\xfe\x3f\0\xfe\x3f\0", 1),
    "loop.tif": lambda: tiff(grey(8, 8), 8, bytes(200)),
    "sub-loop.tif": lambda: tiff([*grey(8, 8), (330, 4, 1, 8), (0x8769, 4, 1, 8)], 0, bytes(200)),
    "pages.tif": lambda: _pages(100_000),
    "strip.tif": lambda: tiff(grey(8, 8, t279=0xFFFFFFF0), 0, bytes(200)),
    "strips.tif": lambda: tiff(
        [*grey(60_000, 3_000, t278=1)[:-1], (279, 4, 3_000, 8)], 0, bytes(200)
    ),
    "tile.tif": lambda: tiff(
        [*grey(8, 8), (322, 4, 1, 1 << 20), (323, 4, 1, 1 << 20), (324, 4, 1, 200)], 0, bytes(200)
    ),
    "samples.tif": lambda: tiff(grey(8, 8, t277=0xFFFF), 0, bytes(200)),
    "header.tif": lambda: tiff(grey(1 << 20, 1 << 20), 0, bytes(200)),
    "content.tif": _deflated_tiff,
    "canvas.ico": lambda: _ico(png(60_000, 60_000)),
    "inside.ico": lambda: _ico(_bmp(60_000, 120_000)[14:]),
    "header.bmp": lambda: _bmp(1 << 20, 1 << 20),
    "negative.bmp": lambda: _bmp(-5, -(1 << 31) + 1),
    "runs.bmp": lambda: _bmp(14_000, 14_000, 1),
    "header.jp2": lambda: _jp2(1 << 30, 1 << 30, 1 << 30),
    "tiles.jp2": lambda: _jp2(14_000, 14_000, 1),
    "header.qoi": lambda: b"qoif" + struct.pack(">IIBB", 1 << 20, 1 << 20, 4, 0) + bytes(8),
    "content.qoi": lambda: b"qoif" + struct.pack(">IIBB", 14_000, 14_000, 4, 0) + bytes(8),
    "header.ppm": lambda: b"P6 999999999 999999999 255\n",
    "digits.ppm": lambda: b"P5 " + b"9" * 100_000 + b" 9 255\n",
    "maximum.ppm": lambda: b"P5 9 9 99999999999\n" + bytes(200),
    "comment.ppm": lambda: b"P5\n#" + b"c" * 5_000_000,
    "walk.gif": lambda: _walk("GIF")[:-400],
    "walk.webp": lambda: _walk("WEBP")[:-100],
}  # fmt: skip
"""Files made to cost, by header, by content or by number."""


def laughs() -> bytes:
    """XML whose entities multiply to 10^11."""
    layers = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    text = f'<!DOCTYPE x [<!ENTITY a0 "ha">{layers}]><x>&a11;</x>'
    return text.encode()
