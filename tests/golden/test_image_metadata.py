"""What of a picture's metadata stays with it, and that its position does not."""

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from lxml import etree
from PIL import Image, ImageCms

from golden.image_samples import pixels, psnr, saved, scene, swapped_profile
from mediakiln.operations.image.edit.convert import convert
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.pixels.meta import exif, iptc, mapped, tiff, xmp
from mediakiln.ports.operation import Context

CONTEXT = Context("image/x", threads=1)
FORMATS = ("jpeg", "png", "webp", "avif", "tiff")
WITH_EXIF = ("jpeg", "png", "webp", "avif")
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


def _dataset(number: int, value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, 2, number, len(value)) + value


RECORDS = _dataset(116, b"MINE-IPTC") + _dataset(90, b"SECRET-TOWN") + _dataset(120, b"CAPTION")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A JPEG that a telephone could have taken, with everything in it that gives people away."""
    block = Image.Exif()
    block[0x010F], block[0x8298], block[0x0112] = "MAKER", "MINE-EXIF", 6
    inner = block.get_ifd(0x8769)
    inner[0x9003], inner[0x927C] = "2026:11:21 12:00:00", b"SECRET-NOTE" * 4
    block[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)}
    path = saved(scene(), tmp_path / "phone.jpg", exif=block, xmp=PACKET, icc_profile=PROFILE)
    data = path.read_bytes()
    records = iptc.in_blocks(RECORDS)
    segment = b"\xff\xed" + struct.pack(">H", 2 + len(records)) + records
    comment = b"\xff\xfe\x00\x10SECRET-COMMENT"
    path.write_bytes(data[:2] + segment + comment + data[2:])
    return path


def _run(source: Path, out: Path, **params: Any) -> Path:
    (product,) = convert.run(source, params, out, CONTEXT)
    return out / product.file


def _said(fields: dict[str, Any], name: str) -> list[str]:
    """The texts of a property of XMP."""
    spaces = {"dc": "http://purl.org/dc/elements/1.1/", "ps": "http://ns.adobe.com/photoshop/1.0/"}
    root = etree.fromstring(fields["xmp-data"])
    found = root.findall(f".//{name}", spaces)
    return ["".join(element.itertext()).strip() for element in found]


def _fields(path: Path) -> dict[str, Any]:
    image = pyvips.Image.new_from_file(str(path))
    return {name: image.get(name) for name in image.get_fields()}


@pytest.mark.parametrize("format", [*FORMATS, "gif"])
@pytest.mark.parametrize("metadata", ["strip", "icc", "copyright", "keep"])
def test_position_notes_and_previews_never_leave(
    photo: Path, out: Path, format: str, metadata: str
) -> None:
    written = _run(photo, out, format=format, metadata=metadata)
    data, fields = written.read_bytes(), _fields(written)
    assert b"SECRET" not in data
    assert not [name for name in fields if "GPS" in name or "thumbnail" in name]
    for trace in (b"GPSLatitude", b"GpsLongitude", b"Version=", b"hdr-gain-map"):
        assert trace not in data
    if metadata in {"strip", "icc"}:
        assert b"MINE" not in data
        assert not {"exif-data", "xmp-data", "iptc-data"} & set(fields)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_kept_is_kept_as_the_format_can(photo: Path, out: Path, format: str) -> None:
    written = _run(photo, out, format=format, metadata="keep")
    fields = _fields(written)
    assert b"MINE-XMP" in fields["xmp-data"]
    assert b'Rating="5"' in fields["xmp-data"]
    assert fields["icc-profile-data"] == PROFILE
    if format in WITH_EXIF:
        assert fields["exif-ifd0-Make"].startswith("MAKER")
        assert fields["exif-ifd0-Copyright"].startswith("MINE-EXIF")
        assert fields["exif-ifd2-DateTimeOriginal"].startswith("2026:11:21")
    if format in {"jpeg", "tiff"}:
        assert b"MINE-IPTC" in fields["iptc-data"]
        assert b"CAPTION" in fields["iptc-data"]
    else:
        assert _said(fields, "dc:description") == ["CAPTION"]
        assert _said(fields, "dc:rights") == ["MINE-XMP"], "it stands there already"
    with Image.open(written) as image:
        assert image.size == (160, 256), "turned upright"
        assert image.getexif().get(0x0112, 1) == 1, "and not turned again"


@pytest.mark.parametrize("format", FORMATS)
def test_copyright_keeps_nothing_but_that(photo: Path, out: Path, format: str) -> None:
    written = _run(photo, out, format=format, metadata="copyright")
    values = _fields(written).items()
    data = b"".join(
        value if isinstance(value, bytes) else str(value).encode() for name, value in values
    )
    assert b"MINE-XMP" in data
    assert (b"MINE-EXIF" in data) == (format in WITH_EXIF)
    assert (b"MINE-IPTC" in data) == (format in {"jpeg", "tiff"})
    for trace in (b"MAKER", b"CAPTION", b"Rating", b"2026:11:21"):
        assert trace not in data


def test_position_stays_where_it_is_asked_for(photo: Path, out: Path) -> None:
    written = _run(photo, out, format="webp", metadata="keep", location=True)
    fields = _fields(written)
    assert fields["exif-ifd3-GPSLatitude"].startswith("52/1 31/1 12/1")
    assert b"SECRET-CITY" in fields["xmp-data"]
    assert b"SECRET-NOTE" not in written.read_bytes()
    assert b"SECRET-THUMB" not in fields["xmp-data"]


@pytest.mark.parametrize("encoding", [{}, {"quality": 80}, {"quality": 80, "max_bytes": 100_000}])
def test_tiff_holds_exif_beside_the_same_pixels(
    photo: Path, out: Path, tmp_path: Path, encoding: dict[str, Any]
) -> None:
    bare = pixels(_run(photo, tmp_path, format="tiff", metadata="icc", **encoding))
    written = _run(photo, out, format="tiff", metadata="keep", **encoding)
    assert np.array_equal(pixels(written), bare)
    with Image.open(written) as image:
        told = image.getexif()
        assert (told[0x010F], told[0x8298]) == ("MAKER", "MINE-EXIF")
        assert told.get_ifd(0x8769)[0x9003] == "2026:11:21 12:00:00"
        assert not dict(told.get_ifd(0x8825))
        assert image.info["icc_profile"] == PROFILE


def test_tiff_holds_the_position_where_it_is_asked_for(photo: Path, out: Path) -> None:
    written = _run(photo, out, format="tiff", metadata="keep", location=True)
    with Image.open(written) as image:
        assert image.getexif().get_ifd(0x8825)[2] == (52.0, 31.0, 12.0)


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A TIFF that says who made it, and where on earth it lies: as cameras and as maps do."""
    block = Image.Exif()
    block[0x010F], block[0x8298], block[0x0131] = "MAKER", "MINE-EXIF", "PROGRAM"
    block.get_ifd(0x8769)[0x9003] = "2026:11:21 12:00:00"
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    block[0x8482] = (0.0, 0.0, 0.0, 13.4, 52.5, 0.0)
    block[0x87B1] = "SECRET-GRID"
    path = saved(scene(), tmp_path / "chart.tif")
    with path.open("r+b") as file:
        tiff.add(file, block.tobytes().removeprefix(b"Exif\0\0"))
    with Image.open(path) as image:
        assert dict(image.getexif().get_ifd(0x8825)), "there is a place to lose"
    return path


@pytest.mark.parametrize("format", [*FORMATS, "gif"])
@pytest.mark.parametrize("metadata", ["strip", "icc", "copyright", "keep"])
def test_what_a_tiff_says_is_kept_without_its_place(
    chart: Path, out: Path, format: str, metadata: str
) -> None:
    written = _run(chart, out, format=format, metadata=metadata)
    assert b"SECRET" not in written.read_bytes()
    with Image.open(written) as image:
        told = image.getexif()
        assert not dict(told.get_ifd(0x8825))
        assert not {0x8482, 0x87B1, 0x830E} & set(told)
        may = metadata in {"copyright", "keep"} and format != "gif"
        assert told.get(0x8298) == ("MINE-EXIF" if may else None)
        assert (0x9003 in told.get_ifd(0x8769)) == (metadata == "keep" and format != "gif")


def test_records_become_xmp_where_there_is_no_place_for_them() -> None:
    records = RECORDS + _dataset(25, b"one") + _dataset(25, "zw\u00f6lf".encode("latin-1"))
    records += _dataset(55, b"20261121") + _dataset(60, b"120000+0100") + _dataset(103, b"\x01")
    packet = mapped.joined(None, records)
    assert packet is not None
    fields = {"xmp-data": packet}
    assert _said(fields, "dc:rights") == ["MINE-IPTC"]
    assert _said(fields, "dc:subject") == ["onezw\u00f6lf"]
    assert _said(fields, "ps:DateCreated") == ["2026-11-21T12:00:00+01:00"]
    assert _said(fields, "ps:TransmissionReference") == []
    assert mapped.joined(None, _dataset(12, b"unknown")) is None
    assert mapped.joined(b"<damaged", records) == b"<damaged"


def test_jpeg_xl_keeps_what_may_stay_and_never_the_position(
    photo: Path, out: Path, tmp_path: Path
) -> None:
    codecs = pytest.importorskip("imagecodecs", reason="the extra jxl is not installed")
    data = _run(photo, out, format="jxl", metadata="keep").read_bytes()
    for trace in (b"SECRET", b"GPSLatitude", b"GpsLongitude"):
        assert trace not in data
    at = data.index(b"xml ") - 4
    size = int.from_bytes(data[at : at + 4])
    box = b"brob" + b"xml " + codecs.brotli_encode(data[at + 8 : at + size])
    packed = data[:at] + struct.pack(">I", 4 + len(box)) + box + data[at + size :]
    for number, content in enumerate((data, packed)):
        source = tmp_path / f"{number}.jxl"
        source.write_bytes(content)
        fields = _fields(_run(source, out, format="jpeg", metadata="keep"))
        assert fields["exif-ifd0-Copyright"].startswith("MINE-EXIF")
        assert _said(fields, "dc:rights") == ["MINE-XMP"]


def test_animated_avif_and_png_carry_what_is_kept(tmp_path: Path, out: Path) -> None:
    block = Image.Exif()
    block[0x8298] = "MINE-EXIF"
    block[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    walk = saved(
        scene(64, 40),
        tmp_path / "walk.png",
        save_all=True,
        append_images=[scene(64, 40).rotate(180)],
        exif=block,
    )
    for format in ("webp", "gif"):
        written = _run(walk, out, format=format, metadata="keep")
        assert not [name for name in _fields(written) if "GPS" in name]
    for format in ("png", "avif"):
        written = _run(walk, out, format=format, metadata="keep")
        with Image.open(written) as image:
            assert getattr(image, "n_frames", 1) == 2
            assert image.getexif()[0x8298] == "MINE-EXIF"
            assert not dict(image.getexif().get_ifd(0x8825))


@pytest.mark.parametrize("damaged", [b"", b"garbage", b"II*\x00\xff\xff\xff\xff", b"MM\x00*" * 9])
def test_a_damaged_block_is_left_out(damaged: bytes) -> None:
    assert exif.cleaned(damaged, rights_only=False, location=False, srgb=True) is None
    assert iptc.cleaned(damaged, rights_only=False, location=False) is None
    assert xmp.cleaned(damaged, rights_only=False, location=False) is None


def test_entities_of_a_packet_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET-FILE")
    packet = PACKET.replace(
        b"<x:xmpmeta", b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file://%s'>]><x:xmpmeta" % bytes(secret), 1
    ).replace(b"MINE-XMP", b"&e;")
    assert xmp.cleaned(packet, rights_only=False, location=False) is None


def test_records_are_found_inside_photoshops_blocks_and_bare() -> None:
    other = b"8BIM" + struct.pack(">H2xI", 0x040C, 4) + b"thmb"
    blocks = iptc.in_blocks(RECORDS)
    wrapped = blocks[:14] + other + blocks[14:]
    for data in (RECORDS, blocks, wrapped):
        kept = iptc.cleaned(data, rights_only=False, location=False) or b""
        assert b"MINE-IPTC" in kept
        assert b"SECRET" not in kept
        assert len(kept) % 4 == 0
    cut = iptc.cleaned(RECORDS[:-3], rights_only=False, location=False) or b""
    assert b"MINE-IPTC" in cut
    assert b"CAPT" not in cut


@pytest.mark.parametrize("metadata", ["strip", "keep"])
def test_a_gain_map_is_left_out_and_the_picture_shown_as_before(
    samples: Path, tmp_path: Path, metadata: str
) -> None:
    source = samples / "samples/image/ultra-hdr.jpg"
    (product,) = resize.run(
        source, {"width": 384, "format": "jpeg", "metadata": metadata}, tmp_path, CONTEXT
    )
    data = (tmp_path / product.file).read_bytes()
    for trace in (b"MPF\0", b"hdr-gain-map", b"Container:Directory"):
        assert trace not in data
    with Image.open(source) as image:
        base = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"])),
            ImageCms.createProfile("sRGB"),
        )
    assert base is not None
    shown = np.asarray(base.convert("RGB").resize((384, 216), Image.Resampling.LANCZOS), float)
    if metadata == "strip":
        assert psnr(pixels(tmp_path / product.file), shown) > 30


def test_cameras_pictures_lose_their_position_in_every_format(
    samples: Path, tmp_path: Path
) -> None:
    source = samples / "samples/image/nikon-20221019-building.jpeg"
    assert "exif-ifd3-GPSLatitude" in _fields(source)
    for format in FORMATS:
        params = {"width": 64, "format": format, "metadata": "keep"}
        (product,) = resize.run(source, params, tmp_path, CONTEXT)
        fields = _fields(tmp_path / product.file)
        assert not [name for name in fields if "GPS" in name]
        assert format == "tiff" or "exif-ifd0-Model" in fields
        with Image.open(tmp_path / product.file) as image:
            assert not dict(image.getexif().get_ifd(0x8825))
            assert image.getexif()[0x0110]
