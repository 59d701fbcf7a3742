"""What of a picture's metadata stays with it, and that its position does not."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from golden import metadata_files
from golden.image_samples import pixels, psnr, saved, scene
from golden.metadata_files import CONTEXT, FORMATS, PACKET, PROFILE, RECORDS, run, said, told
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.pixels.meta import exif, iptc, xmp

PICTURE = exif.Picture(256, 160, srgb=True)
WITH_EXIF = ("jpeg", "png", "webp", "avif")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return metadata_files.photo(tmp_path)


@pytest.mark.parametrize("format", [*FORMATS, "gif"])
@pytest.mark.parametrize("metadata", ["strip", "icc", "copyright", "keep"])
def test_position_notes_and_previews_never_leave(
    photo: Path, out: Path, format: str, metadata: str
) -> None:
    written = run(photo, out, format=format, metadata=metadata)
    data, fields = written.read_bytes(), told(written)
    assert b"SECRET" not in data
    assert not [name for name in fields if "GPS" in name or "thumbnail" in name]
    for trace in (b"GPSLatitude", b"GpsLongitude", b"Version=", b"hdr-gain-map"):
        assert trace not in data
    if metadata in {"strip", "icc"}:
        assert b"MINE" not in data
        assert not {"exif-data", "xmp-data", "iptc-data"} & set(fields)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_kept_is_kept_as_the_format_can(photo: Path, out: Path, format: str) -> None:
    written = run(photo, out, format=format, metadata="keep")
    fields = told(written)
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
        assert said(fields, "dc:description") == ["CAPTION"]
        assert said(fields, "dc:rights") == ["MINE-XMP"], "it stands there already"
    with Image.open(written) as image:
        assert image.size == (160, 256), "turned upright"
        assert image.getexif().get(0x0112, 1) == 1, "and not turned again"


@pytest.mark.parametrize("format", FORMATS)
def test_copyright_keeps_nothing_but_that(photo: Path, out: Path, format: str) -> None:
    written = run(photo, out, format=format, metadata="copyright")
    values = told(written).items()
    data = b"".join(
        value if isinstance(value, bytes) else str(value).encode() for name, value in values
    )
    assert b"MINE-XMP" in data
    assert (b"MINE-EXIF" in data) == (format in WITH_EXIF)
    assert (b"MINE-IPTC" in data) == (format in {"jpeg", "tiff"})
    for trace in (b"MAKER", b"CAPTION", b"Rating", b"2026:11:21"):
        assert trace not in data


def test_position_stays_where_it_is_asked_for(photo: Path, out: Path) -> None:
    written = run(photo, out, format="webp", metadata="keep", location=True)
    fields = told(written)
    assert fields["exif-ifd3-GPSLatitude"].startswith("52/1 31/1 12/1")
    assert b"SECRET-CITY" in fields["xmp-data"]
    assert b"SECRET-NOTE" not in written.read_bytes()
    assert b"SECRET-THUMB" not in fields["xmp-data"]


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
        written = run(walk, out, format=format, metadata="keep")
        assert not [name for name in told(written) if "GPS" in name]
    for format in ("png", "avif"):
        written = run(walk, out, format=format, metadata="keep")
        with Image.open(written) as image:
            assert getattr(image, "n_frames", 1) == 2
            assert image.getexif()[0x8298] == "MINE-EXIF"
            assert not dict(image.getexif().get_ifd(0x8825))
    again = run(written, tmp_path, format="webp", metadata="keep")
    assert told(again)["exif-ifd0-Copyright"].startswith("MINE-EXIF")
    assert not told(run(written, tmp_path, format="webp")).keys() & {"exif-data", "xmp-data"}


@pytest.mark.parametrize("damaged", [b"", b"garbage", b"II*\x00\xff\xff\xff\xff", b"MM\x00*" * 9])
def test_a_damaged_block_is_left_out(damaged: bytes) -> None:
    assert exif.cleaned(damaged, rights_only=False, location=False, picture=PICTURE) is None
    assert iptc.cleaned(damaged, rights_only=False, location=False) is None
    assert xmp.cleaned(damaged, rights_only=False, location=False) is None


def test_entities_of_a_packet_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET-FILE")
    packet = PACKET.replace(
        b"<x:xmpmeta", b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file://%s'>]><x:xmpmeta" % bytes(secret), 1
    ).replace(b"MINE-XMP", b"&e;")
    assert xmp.cleaned(packet, rights_only=False, location=False) is None


def test_places_in_private_tags_and_rare_properties_never_leave() -> None:
    block = Image.Exif()
    block[0x8298], block[0x87B1], block[0xA480] = "MINE-EXIF", "SECRET-GRID", "SECRET-MAP"
    block[0x882A], block[0xC62F] = 1, "SECRET-SERIAL"
    block.get_ifd(0x8769).update({0x9003: "2026:11:21 12:00:00", 0xFDE9: "SECRET-OWNER"})
    kept = exif.cleaned(block.tobytes(), rights_only=False, location=False, picture=PICTURE) or b""
    assert b"MINE-EXIF" in kept
    assert b"2026:11:21" in kept
    assert b"SECRET" not in kept


@pytest.mark.parametrize("format", [*FORMATS, "jxl"])
def test_the_size_in_exif_is_the_results(photo: Path, out: Path, format: str) -> None:
    if format == "jxl":
        pytest.importorskip("imagecodecs", reason="the extra jxl is not installed")
    written = run(photo, out, format=format, metadata="keep")
    if format == "jxl":
        data = written.read_bytes()
        block = Image.Exif()
        block.load(data[data.index(b"Exif") + 8 :])
        inner = block.get_ifd(0x8769)
    else:
        with Image.open(written) as image:
            inner = image.getexif().get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003]) == (160, 256)


@pytest.mark.parametrize(
    "hidden",
    [
        b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:coverage="SECRET"/>',
        b'<rdf:Description xmlns:d="http://rs.tdwg.org/dwc/terms/" d:municipality="SECRET"/>',
        b'<rdf:Description rdf:about="" GPSLatitude="SECRET"/>',
        b'<x:Typed xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="SECRET"/>',
        b"<rdf:Description>SECRET</rdf:Description>",
    ],
)
def test_only_properties_that_say_no_place_stay_in_a_packet(hidden: bytes) -> None:
    packet = PACKET.replace(b"</rdf:RDF>", hidden + b"</rdf:RDF>SECRET")
    kept = xmp.cleaned(packet, rights_only=False, location=False) or b""
    assert b"SECRET" not in kept
    assert b"MINE-XMP" in kept
    assert xmp.parsed(kept) is not None


def test_records_of_other_programs_and_whole_objects_stay_behind() -> None:
    def record(number: int, data_set: int, value: bytes) -> bytes:
        return struct.pack(">BBBH", 0x1C, number, data_set, len(value)) + value

    records = record(1, 90, b"\x1b%G") + RECORDS + record(2, 231, b"SECRET-HISTORY")
    records += record(1, 50, b"SECRET-SERVICE") + record(8, 10, b"SECRET-PICTURE")
    kept = iptc.cleaned(records, rights_only=False, location=False) or b""
    assert kept.startswith(record(1, 90, b"\x1b%G"))
    assert b"CAPTION" in kept
    assert b"SECRET" not in kept


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
    assert "exif-ifd3-GPSLatitude" in told(source)
    for format in FORMATS:
        params = {"width": 64, "format": format, "metadata": "keep"}
        (product,) = resize.run(source, params, tmp_path, CONTEXT)
        fields = told(tmp_path / product.file)
        assert not [name for name in fields if "GPS" in name]
        assert format == "tiff" or "exif-ifd0-Model" in fields
        with Image.open(tmp_path / product.file) as image:
            assert not dict(image.getexif().get_ifd(0x8825))
            assert image.getexif()[0x0110]
