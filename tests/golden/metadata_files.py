"""A picture that tells much of whoever took it, and what results tell."""

import struct
from pathlib import Path
from typing import Any

import pyvips
from lxml import etree
from PIL import Image

from golden.image_samples import saved, scene, swapped_profile
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.pixels.meta import iptc
from mediakiln.ports.operation import Context

CONTEXT = Context("image/x", threads=1)
FORMATS = ("jpeg", "png", "webp", "avif", "tiff")
PROFILE = swapped_profile()

PACKET = b"""<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:drone="http://www.dji.com/drone-dji/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 exif:GPSLatitude="52,31.2N" exif:FNumber="4/1" photoshop:City="SECRET-CITY" tiff:Orientation="6"
 drone:GpsLongitude="13.4" hdrgm:Version="1.0" xmp:Rating="5">
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">MINE-XMP</rdf:li></rdf:Alt></dc:rights>
<xmp:Thumbnails><rdf:Alt><rdf:li>SECRET-THUMB</rdf:li></rdf:Alt></xmp:Thumbnails>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end='w'?>"""


def dataset(number: int, value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, 2, number, len(value)) + value


RECORDS = dataset(116, b"MINE-IPTC") + dataset(90, b"SECRET-TOWN") + dataset(120, b"CAPTION")


def photo(folder: Path) -> Path:
    """A JPEG that a telephone could have taken, with everything in it that gives people away."""
    block = Image.Exif()
    block[0x010F], block[0x8298], block[0x0112] = "MAKER", "MINE-EXIF", 6
    inner = block.get_ifd(0x8769)
    inner[0x9003], inner[0x927C] = "2026:11:21 12:00:00", b"SECRET-NOTE" * 4
    block[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)}
    path = saved(scene(), folder / "phone.jpg", exif=block, xmp=PACKET, icc_profile=PROFILE)
    data = path.read_bytes()
    records = iptc.in_blocks(RECORDS)
    segment = b"\xff\xed" + struct.pack(">H", 2 + len(records)) + records
    comment = b"\xff\xfe\x00\x10SECRET-COMMENT"
    path.write_bytes(data[:2] + segment + comment + data[2:])
    return path


def run(source: Path, out: Path, **params: Any) -> Path:
    (product,) = convert.run(source, params, out, CONTEXT)
    return out / product.file


def said(fields: dict[str, Any], name: str) -> list[str]:
    """The texts of a property of XMP."""
    spaces = {"dc": "http://purl.org/dc/elements/1.1/", "ps": "http://ns.adobe.com/photoshop/1.0/"}
    root = etree.fromstring(fields["xmp-data"])
    found = root.findall(f".//{name}", spaces)
    return ["".join(element.itertext()).strip() for element in found]


def told(path: Path) -> dict[str, Any]:
    image = pyvips.Image.new_from_file(str(path))
    return {name: image.get(name) for name in image.get_fields()}
