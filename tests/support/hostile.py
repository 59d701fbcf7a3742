"""Files that mean no good, made on the spot."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

from support import media

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The anti-malware test file: harmless, by agreement treated as malware."""

HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script><p>Some words.</p></body></html>"
SIDE = 64_250


def elf() -> bytes:
    """The beginning of a Linux program."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(4000)


def windows_program() -> bytes:
    """The beginning of a Windows program."""
    return b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0d\x86" + bytes(4000)


def noise(size: int = 8000) -> bytes:
    """Bytes without any structure."""
    import random

    return random.Random(11).randbytes(size)  # noqa: S311 - not a secret


def giant_jpeg() -> bytes:
    """A small JPEG whose header declares 64250 x 64250 pixels."""
    data = bytearray(media.jpeg())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", SIDE, SIDE)
    return bytes(data)


def giant_png() -> bytes:
    """A small PNG whose header declares 64250 x 64250 pixels."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(bytes(1000))),
            (b"IEND", b""),
        )
    )


def zip_bomb_docx() -> bytes:
    """A DOCX of some 300 kB whose text unpacks to 300 MB."""
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.'
        'openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    relations = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        'relationships"><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument'
        '/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("_rels/.rels", relations)
        with archive.open("word/document.xml", "w") as part:
            for _ in range(300):
                part.write(b"<w:p>" * (2**20 // 5))
    return buffer.getvalue()


def reaching_svg(address: str, secret: Path) -> bytes:
    """An SVG that asks for a file of this machine and for something from a server."""
    return f"""<svg xmlns="http://www.w3.org/2000/svg"
 xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="48">
 <image xlink:href="{address}/pixel.png" width="10" height="10"/>
 <image xlink:href="file://{secret}" width="10" height="10"/>
 <style>@import url("{address}/style.css");</style>
 <rect width="64" height="48" fill="#30a040"/></svg>""".encode()
