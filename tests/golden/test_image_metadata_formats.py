"""Metadata of TIFF and JPEG XL, in and out, and IPTC where a format has no place for it."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from golden import metadata_files
from golden.image_samples import pixels, saved, scene
from golden.metadata_files import CONTEXT, FORMATS, PROFILE, RECORDS, dataset, run, said, told
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.pixels.meta import mapped, tiff


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return metadata_files.photo(tmp_path)


@pytest.mark.parametrize("encoding", [{}, {"quality": 80}, {"quality": 80, "max_bytes": 100_000}])
def test_tiff_holds_exif_beside_the_same_pixels(
    photo: Path, out: Path, tmp_path: Path, encoding: dict[str, Any]
) -> None:
    bare = pixels(run(photo, tmp_path, format="tiff", metadata="icc", **encoding))
    written = run(photo, out, format="tiff", metadata="keep", **encoding)
    assert np.array_equal(pixels(written), bare)
    with Image.open(written) as image:
        exif = image.getexif()
        assert (exif[0x010F], exif[0x8298]) == ("MAKER", "MINE-EXIF")
        assert exif.get_ifd(0x8769)[0x9003] == "2026:11:21 12:00:00"
        assert not dict(exif.get_ifd(0x8825))
        assert image.info["icc_profile"] == PROFILE


def test_tiff_holds_the_position_where_it_is_asked_for(photo: Path, out: Path) -> None:
    written = run(photo, out, format="tiff", metadata="keep", location=True)
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
    written = run(chart, out, format=format, metadata=metadata)
    assert b"SECRET" not in written.read_bytes()
    with Image.open(written) as image:
        exif = image.getexif()
        assert not dict(exif.get_ifd(0x8825))
        assert not {0x8482, 0x87B1, 0x830E} & set(exif)
        may = metadata in {"copyright", "keep"} and format != "gif"
        assert exif.get(0x8298) == ("MINE-EXIF" if may else None)
        assert (0x9003 in exif.get_ifd(0x8769)) == (metadata == "keep" and format != "gif")


def test_records_become_xmp_where_there_is_no_place_for_them() -> None:
    records = RECORDS + dataset(25, b"one") + dataset(25, "zw\u00f6lf".encode("latin-1"))
    records += dataset(55, b"20261121") + dataset(60, b"120000+0100") + dataset(103, b"\x01")
    packet = mapped.joined(None, records)
    assert packet is not None
    fields = {"xmp-data": packet}
    assert said(fields, "dc:rights") == ["MINE-IPTC"]
    assert said(fields, "dc:subject") == ["onezw\u00f6lf"]
    assert said(fields, "ps:DateCreated") == ["2026-11-21T12:00:00+01:00"]
    assert said(fields, "ps:TransmissionReference") == []
    assert mapped.joined(None, dataset(12, b"unknown")) is None
    assert mapped.joined(b"<damaged", records) == b"<damaged"


def test_jpeg_xl_keeps_what_may_stay_and_never_the_position(
    photo: Path, out: Path, tmp_path: Path
) -> None:
    codecs = pytest.importorskip("imagecodecs", reason="the extra jxl is not installed")
    data = run(photo, out, format="jxl", metadata="keep").read_bytes()
    for trace in (b"SECRET", b"GPSLatitude", b"GpsLongitude"):
        assert trace not in data
    at = data.index(b"xml ") - 4
    size = int.from_bytes(data[at : at + 4])
    box = b"brob" + b"xml " + codecs.brotli_encode(data[at + 8 : at + size])
    packed = data[:at] + struct.pack(">I", 4 + len(box)) + box + data[at + size :]
    for number, content in enumerate((data, packed)):
        source = tmp_path / f"{number}.jxl"
        source.write_bytes(content)
        fields = told(run(source, out, format="jpeg", metadata="keep"))
        assert fields["exif-ifd0-Copyright"].startswith("MINE-EXIF")
        assert said(fields, "dc:rights") == ["MINE-XMP"]


def test_pixels_that_a_container_has_turned_are_not_turned_again(out: Path, tmp_path: Path) -> None:
    codecs = pytest.importorskip("imagecodecs", reason="the extra jxl is not installed")
    block = Image.Exif()
    block[0x0112] = 6
    exif = bytes(4) + block.tobytes().removeprefix(b"Exif\0\0")
    stream: bytes = codecs.jpegxl_encode(np.asarray(scene()), lossless=True)
    boxes = ((b"ftyp", b"jxl \0\0\0\0jxl "), (b"Exif", exif), (b"jxlc", stream))
    source = tmp_path / "turned.jxl"
    source.write_bytes(
        b"\0\0\0\x0cJXL \r\n\x87\n"
        + b"".join(struct.pack(">I", 8 + len(data)) + kind + data for kind, data in boxes)
    )
    written = run(source, out, format="png", metadata="keep")
    assert np.array_equal(pixels(written), np.asarray(scene(), float))
    with Image.open(written) as image:
        assert image.getexif().get(0x0112, 1) == 1


def test_telephones_heic_is_not_turned_again(samples: Path, out: Path, tmp_path: Path) -> None:
    data = (samples / "samples/image/IMG_1034.heic").read_bytes()
    upright = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x01"
    assert data.count(upright) == 1
    source = tmp_path / "turned.heic"
    shown = []
    for content in (data, data.replace(upright, upright[:-1] + b"\x06")):
        source.write_bytes(content)
        (product,) = resize.run(source, {"width": 64, "format": "png"}, out, CONTEXT)
        shown.append(pixels(out / product.file))
    assert np.array_equal(shown[0], shown[1])
