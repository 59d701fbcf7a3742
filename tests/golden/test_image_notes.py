"""What people and cameras wrote into an image, in the codings and places that programs use."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from golden.image_samples import saved, scene
from golden.metadata_files import CONTEXT, PACKET, RECORDS, dataset, run, said, told
from mediakiln.operations.image.facts import wording
from mediakiln.operations.image.facts.describe import describe
from mediakiln.operations.image.pixels.meta import iptc


def described(source: Path, out: Path, **params: Any) -> dict[str, Any]:
    (product,) = describe.run(source, {"scores": False, **params}, out, CONTEXT)
    found: dict[str, Any] = json.loads((out / product.file).read_text())
    return found


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def profile(name: bytes, data: bytes) -> bytes:
    """A chunk as ImageMagick writes it."""
    text = b"\n%s\n%8d\n%s\n" % (name, len(data), data.hex().encode())
    return chunk(b"zTXt", b"Raw profile type " + name + b"\0\0" + zlib.compress(text))


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    """A PNG that says everything in texts, behind its pixels."""
    block = Image.Exif()
    block[0x8298] = "MINE-EXIF"
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    path = saved(scene(), tmp_path / "a.png")
    data = path.read_bytes()
    notes = profile(b"exif", block.tobytes()) + profile(b"8bim", iptc.in_blocks(RECORDS)[14:])
    notes += profile(b"xmp", PACKET)
    path.write_bytes(data[:-12] + notes + data[-12:])
    return path


def test_profiles_in_a_pngs_texts_are_told_and_kept(drawing: Path, out: Path) -> None:
    found = described(drawing, out)
    assert found["exif"]["Copyright"] == "MINE-EXIF"
    assert found["iptc"] == {"caption": "CAPTION", "copyright_notice": "MINE-IPTC"}
    assert found["xmp"]["dc:rights"] == "MINE-XMP"
    assert described(drawing, out, location=True)["location"]["latitude"] == 52.52
    fields = told(run(drawing, out, format="jpeg", metadata="keep"))
    assert fields["exif-ifd0-Copyright"].startswith("MINE-EXIF")
    assert b"CAPTION" in fields["iptc-data"]
    assert said(fields, "dc:rights") == ["MINE-XMP"]
    assert b"SECRET" not in fields["iptc-data"] + fields["xmp-data"]


def test_damaged_profiles_in_texts_are_left_out(tmp_path: Path, out: Path) -> None:
    path = saved(scene(), tmp_path / "a.png")
    data = path.read_bytes()
    odd = (b"zTXtRaw profile type exif\0\0garbage", b"tEXtRaw profile type xmp\0\nxmp\n 3\nnohex\n")
    notes = b"".join(chunk(each[:4], each[4:]) for each in (*odd, b"iTXtXML:com.adobe.xmp\0\1"))
    path.write_bytes(data[:-12] + notes + data[-12:])
    assert not {"exif", "iptc", "xmp"} & set(described(path, out))
    run(path, out, format="jpeg", metadata="keep")


def test_no_property_of_a_packet_tells_a_place_unasked(tmp_path: Path, out: Path) -> None:
    packet = PACKET.replace(
        b"<xmp:Thumbnails>",
        b'<dc:coverage>SECRET-LAND</dc:coverage><dc:source rdf:parseType="Resource">'
        b"<exif:GPSLatitude>SECRET-DEGREES</exif:GPSLatitude></dc:source><xmp:Thumbnails>",
    )
    source = saved(scene(90, 60), tmp_path / "a.jpg", xmp=packet)
    text = json.dumps(described(source, out))
    assert "SECRET" not in text
    assert "gps" not in text.lower()
    text = json.dumps(described(source, out, location=True))
    for place in ("SECRET-LAND", "SECRET-DEGREES", "SECRET-CITY", "13.4"):
        assert place in text


def test_a_gifs_packet_and_jpeg_xls_blocks_are_told(tmp_path: Path, out: Path) -> None:
    gif = saved(scene(64, 40), tmp_path / "a.gif")
    data = gif.read_bytes()
    ramp = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    gif.write_bytes(data[:-1] + b"\x21\xff\x0bXMP DataXMP" + PACKET + ramp + data[-1:])
    assert described(gif, out)["xmp"]["dc:rights"] == "MINE-XMP"
    pytest.importorskip("imagecodecs", reason="the extra jxl is not installed")
    block = Image.Exif()
    block[0x8298] = "MINE-EXIF"
    photo = saved(scene(64, 40), tmp_path / "a.jpg", exif=block, xmp=PACKET)
    found = described(run(photo, out, format="jxl", metadata="keep"), out)
    assert found["exif"]["Copyright"] == "MINE-EXIF"
    assert found["xmp"]["dc:rights"] == "MINE-XMP"


def test_texts_are_told_as_they_were_written(tmp_path: Path, out: Path) -> None:
    words = "Gr\u00fc\u00dfe \u5317\u4eac"
    block = Image.Exif()
    block[0x010E] = words.encode()
    block[0x9C9B] = words.encode("utf-16-le") + b"\0\0"
    block.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + f"{words}\n\U0001f389".encode("utf-16-be")
    block.get_ifd(0x8825).update({5: b"\1", 6: 12.5, 1: "S", 2: (0.0, 0.0, 0.0)})
    source = saved(scene(90, 60), tmp_path / "a.jpg", exif=block)
    data = source.read_bytes()
    records = iptc.in_blocks(dataset(120, words.encode() + b"\rnext") + dataset(25, b"one"))
    segment = b"\xff\xed" + struct.pack(">H", 2 + len(records)) + records
    source.write_bytes(data[:2] + segment + data[2:])
    found = described(source, out, location=True)
    assert found["exif"]["ImageDescription"] == words
    assert found["exif"]["XPTitle"] == words
    assert found["exif"]["UserComment"] == f"{words}\n\U0001f389"
    assert found["iptc"] == {"caption": f"{words}\nnext", "keywords": ["one"]}
    assert found["location"] == {"latitude": 0.0, "altitude_m": -12.5}


@pytest.mark.parametrize(
    ("data", "order", "text"),
    [
        (b"ASCII\0\0\0plain\0", "<", "plain"),
        (b"UNICODE\0" + "wide".encode("utf-16-le"), ">", "wide"),
        (b"UNICODE\0" + "wide".encode("utf-16"), ">", "wide"),
        (b"UNICODE\0" + "\u5317\u4eac".encode("utf-16-be"), ">", "\u5317\u4eac"),
        (b"JIS\0\0\0\0\0" + "\u5317\u4eac".encode("iso2022_jp"), "<", "\u5317\u4eac"),
        (bytes(8) + b"untold", None, "untold"),
        ("Gr\u00fc\u00dfe".encode("latin-1"), None, "Gr\u00fc\u00dfe"),
        (b"\1\2\3\4", None, None),
        (b" \0\0", None, None),
    ],
)
def test_a_comments_character_set_is_what_it_says(
    data: bytes, order: str | None, text: str | None
) -> None:
    assert wording.text(data, order) == text
