"""The smallest files that show each format: what detectors are measured with.

They are put together from the formats' own structures, by hand, so that a specimen says what a
detector has to look at. Files of real encoders complement them in the tests.
"""

import io
import struct
import zipfile
from dataclasses import dataclass

from mediakiln.model.kind import Kind

OFFICE = "application/vnd.openxmlformats-officedocument."


@dataclass(frozen=True, slots=True)
class Specimen:
    """One file and what it is. `kind` None: a type that is known and not accepted."""

    name: str
    content: bytes
    media_type: str | None
    kind: Kind | None


def box(name: bytes, body: bytes = b"") -> bytes:
    """A box of an ISO base media file."""
    return struct.pack(">I", 8 + len(body)) + name + body


def film(brand: bytes, *handlers: bytes, compatible: bytes = b"", last: bool = False) -> bytes:
    """An ISO base media file with a track of each handler type; `last`: `moov` at the end."""
    tracks = b"".join(
        box(b"trak", box(b"tkhd", bytes(84)) + box(b"mdia", box(b"hdlr", bytes(8) + handler)))
        for handler in handlers
    )
    head = box(b"ftyp", brand + bytes(4) + compatible)
    moov, data = box(b"moov", box(b"mvhd", bytes(100)) + tracks), box(b"mdat", bytes(64))
    return head + (data + moov if last else moov + data)


def element(identifier: int, body: bytes) -> bytes:
    """An EBML element with a size of eight bytes."""
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + b"\x01" + len(body).to_bytes(7, "big") + body


def matroska(doctype: bytes, *track_types: int) -> bytes:
    """A Matroska file with a track of each type: 1 is video, 2 audio."""
    tracks = b"".join(
        element(0xAE, element(0xD7, bytes([number])) + element(0x83, bytes([kind])))
        for number, kind in enumerate(track_types, 1)
    )
    header = element(0x1A45DFA3, element(0x4286, b"\1") + element(0x4282, doctype))
    info, cluster = element(0x1549A966, b""), element(0x1F43B675, bytes(32))
    return header + element(0x18538067, info + element(0x1654AE6B, tracks) + cluster)


def zipped(*entries: tuple[str, bytes]) -> bytes:
    """An archive of these entries; `mimetype` is stored, as its formats want, the rest deflated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)  # without the time of day: the same bytes every time
            stored = name == "mimetype" or name.endswith(".usdc")
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


def office(*names: str) -> bytes:
    """An Office Open XML package with parts of these names."""
    parts = ("[Content_Types].xml", "_rels/.rels", *names)
    return zipped(*((name, b"<x/>") for name in parts))


def open_document(media_type: str) -> bytes:
    """An OpenDocument or EPUB package."""
    manifest = ("META-INF/manifest.xml", b"<x/>")
    return zipped(("mimetype", media_type.encode()), manifest, ("content.xml", b"<x/>"))


def compound(*names: str, root: bytes = bytes(16)) -> bytes:
    """An OLE2 compound file with directory entries of these names; `root` is its class."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHH", 62, 3, 65534, 9)
    header = header.ljust(44, b"\0") + struct.pack("<II", 1, 1)
    header = header.ljust(76, b"\0") + struct.pack("<I", 0)
    fat = struct.pack("<III", 0xFFFFFFFD, 2, 0xFFFFFFFE).ljust(512, b"\xff")
    entries = [_entry("Root Entry", 5, root), *(_entry(name, 2, bytes(16)) for name in names)]
    return header.ljust(512, b"\xff") + fat + b"".join(entries).ljust(1024, b"\0")


def _entry(name: str, kind: int, class_id: bytes) -> bytes:
    coded = name.encode("utf-16-le") + b"\0\0"
    fields = struct.pack("<HBB12s", len(coded), kind, 1, b"\xff" * 12)
    return (coded.ljust(64, b"\0") + fields + class_id).ljust(128, b"\0")


def riff(form: bytes, body: bytes) -> bytes:
    """A RIFF file."""
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + form + body


def page(packet: bytes, flags: int = 2) -> bytes:
    """An Ogg page of one packet; flag 2 marks the first page of a stream."""
    return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([1, len(packet)]) + packet


def stl(facets: int) -> bytes:
    """Binary STL with degenerate facets."""
    return b"made".ljust(80, b"\0") + struct.pack("<I", facets) + bytes(50 * facets)


def png(*chunks: bytes) -> bytes:
    """A PNG of 3 by 2 pixels with these chunks before its end (lengths right, checksums zero)."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + bytes(4)


APNG = png(_chunk(b"acTL", bytes(8)), _chunk(b"IDAT", b"x"))
PNG = png(_chunk(b"IDAT", b"x"))
JPEG = (
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
    b"\xff\xc0\0\x11\x08\0\2\0\3\3\1\x22\0\2\x11\1\3\x11\1\xff\xd9"
)
GIF = b"GIF89a\3\0\2\0\0\0\0;"
BMP = b"BM" + struct.pack("<IIIIiiHH", 78, 0, 54, 40, 3, -2, 1, 24) + bytes(48)
ICO = b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 3, 2, 0, 0, 1, 32, 40, 22) + bytes(40)
PSD = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 2, 3, 8, 3) + bytes(12)
TIFF = b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHIIHHII", 256, 4, 1, 3, 257, 3, 1, 2) + bytes(4)
DNG = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHII", 50706, 1, 4, 0x01040000) + bytes(4)
WEBP = riff(b"WEBP", b"VP8L\x0a\0\0\0\x2f" + struct.pack("<I", 2 | 1 << 14) + bytes(5))
JP2 = b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
MP3 = (b"\xff\xfb\x90\x64" + bytes(413)) * 2
ADTS = (b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)) * 2
ID3 = b"ID3\4\0\0\0\0\0\x0a" + bytes(10)
TS = (b"G\x40\0\x10" + bytes(184)) * 4
WAV = riff(b"WAVE", b"fmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\2\0\0\0\0\0")
AVI = riff(b"AVI ", b"LIST\4\0\0\0hdrl")
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + struct.pack("<QIH", 94, 1, 258)
ASF_VIDEO = ASF + bytes(24) + bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b") + bytes(24)
ASF_AUDIO = ASF + bytes(24) + bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b") + bytes(24)
GLTF = b'{"asset": {"version": "2.0"}, "scenes": [{"nodes": []}], "nodes": []}'
GLB = b"glTF\2\0\0\0" + struct.pack("<II", 20 + len(GLTF), len(GLTF)) + b"JSON" + GLTF
TAR = b"a".ljust(257, b"\0") + b"ustar\x0000" + bytes(248)
MAIL = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: Hi\r\n\r\nHello.\r\n"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
