"""Heads of files: formats, sizes and motion, as far as lanes go by them."""

import struct
from io import BytesIO

import pytest
import pyvips

from mediakiln.stages.derive.heads import Head, head_of

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0crc!"
)
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00"


def jpeg(marker: int, before: bytes = b"\xff\xe0\x00\x04ab") -> bytes:
    frame = b"\xff" + bytes([marker]) + struct.pack(">HBHH", 17, 8, 480, 640)
    return b"\xff\xd8" + before + frame


@pytest.mark.parametrize(
    ("content", "head"),
    [
        (jpeg(0xC0), Head("", (640, 480))),
        (jpeg(0xC2), Head("", (640, 480), slow=True)),
        (
            jpeg(0xC2, b"\xff\xff\xff\xe1\xff\xff" + bytes(0xFFFD) * 1),
            Head("", (640, 480), slow=True),
        ),
        (jpeg(0xC0, b"\xff\xe0\x00\x02" * 5000), Head(slow=True)),
        (jpeg(0xC0, b"\xff\xe0\x00\x01"), Head()),
        (b"\xff\xd8\xff", Head()),
        (b"\xff\xd8" + b"\xff" * 40, Head()),
        (PNG + b"\0\0\0\0IDAT", Head("", (640, 480))),
        (PNG + b"\0\0\0\x02tEXtabcrc!\0\0\0\x08acTL", Head("image/apng", (640, 480))),
        (PNG + b"\0\0\0\0tEXtcrc!" * 5000, Head("", (640, 480), slow=True)),
        (b"\x89PNG\r\n\x1a\n", Head()),
        (b"GIF89a" + struct.pack("<HH", 640, 480), Head("image/gif", (640, 480))),
        (WEBP + b"\x02\0\0\0\x7f\x02\x00\xdf\x01\x00", Head("", (640, 480), slow=True)),
        (WEBP + b"\x10\0\0\0\x7f\x02\x00\xdf\x01\x00", Head("", (640, 480))),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X", Head()),
        (b"RIFF\x00\x00\x00\x00WAVE", Head()),
        (b"II+\x00", Head(slow=True)),
        (b"MM\x00*\x00\x00\x00\x08\x00\x00", Head(slow=True)),
        (b"BM" + bytes(16) + struct.pack("<ii", 640, -480), Head("", (640, 480))),
        (b"qoif" + struct.pack(">II", 640, 480), Head("", (640, 480))),
        (b"\xff\x0a", Head(slow=True)),
        (b"\xff\x4f\xff\x51", Head("image/jp2")),
        (b"\x00\x00\x00\x18ftypavif", Head("image/heif")),
        (b'\xef\xbb\xbf <?xml version="1.0"?>', Head("image/svg+xml")),
        (b"words", Head()),
        (b"", Head()),
    ],
)
def test_heads_say_what_files_are(content: bytes, head: Head) -> None:
    assert head_of(BytesIO(content)) == head


@pytest.mark.parametrize("ending", [".jpg", ".png", ".gif", ".webp", ".webp[lossless]", ".tif"])
def test_sizes_are_read_as_encoders_write_them(ending: str) -> None:
    made = pyvips.Image.black(643, 481, bands=3).copy(interpretation="srgb")
    head = head_of(BytesIO(made.write_to_buffer(ending)))
    assert (head.sides, head.slow) == ((643, 481), False)
