"""What the signature detector tells of pictures: upright sides, and how their pixels lie."""

import io
import random
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from mediakiln.adapters.detector.signature import SignatureDetector
from mediakiln.ports.detector import HEAD_BYTES
from mediakiln.testing.detector import CountedBytes
from mediakiln.testing.specimens import box

DETECTOR = SignatureDetector()
SIZE = (60, 40)
JXL_BOXES = "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c200000084c6a786c63"


async def facts(content: bytes) -> tuple[int | None, int | None, int | None]:
    """Width, height and orientation, by a few small reads."""
    source = CountedBytes(content)
    told = (await DETECTOR.inspect(source)).metadata
    assert len(source.reads) <= 12
    return told.get("width"), told.get("height"), told.get("orientation")


def drawn(encoder: str, *, size: tuple[int, int] = SIZE, turned: int = 0, **options: Any) -> bytes:
    """A picture, with an orientation if that is not 0."""
    exif = Image.Exif()
    if turned:
        exif[274] = turned
        options["exif"] = exif
    written = io.BytesIO()
    Image.new("RGB", size, "peru").save(written, encoder, **options)
    return written.getvalue()


@pytest.mark.parametrize("encoder", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
async def test_the_sides_are_those_of_the_upright_picture(encoder: str) -> None:
    for turned in range(2, 9):
        across, down = SIZE if turned < 5 else SIZE[::-1]
        assert await facts(drawn(encoder, turned=turned)) == (across, down, turned)


@pytest.mark.parametrize(
    "encoder", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP", "JPEG2000", "QOI", "PPM"]
)
async def test_what_lies_as_it_is_has_its_sides_and_no_orientation(encoder: str) -> None:
    assert await facts(drawn(encoder)) == (*SIZE, None)


async def test_a_bare_codestream_of_jpeg_2000_has_its_sides() -> None:
    assert await facts(drawn("JPEG2000", no_jp2=True)) == (*SIZE, None)


async def test_a_moving_picture_has_the_sides_of_a_frame() -> None:
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    for encoder in ("GIF", "WEBP", "PNG", "AVIF"):
        written = io.BytesIO()
        frames[0].save(written, encoder, save_all=True, append_images=frames[1:])
        assert (await facts(written.getvalue()))[:2] == SIZE


async def test_an_icon_is_as_large_as_the_largest_picture_in_it() -> None:
    assert (await facts(drawn("ICO", size=(256, 256), sizes=[(16, 16), (48, 48)])))[:2] == (48, 48)


async def test_facts_far_behind_the_head_are_fetched() -> None:
    profile = bytes(4 * HEAD_BYTES)
    assert await facts(drawn("JPEG", turned=6, icc_profile=profile)) == (40, 60, 6)
    noise = Image.effect_noise((500, 500), 90).convert("RGB")
    exif = Image.Exif()
    exif[274] = 8
    written = io.BytesIO()
    noise.resize((500, 300)).save(written, "WEBP", lossless=True, exif=exif)
    assert len(written.getvalue()) > 2 * HEAD_BYTES
    assert await facts(written.getvalue()) == (300, 500, 8)


@pytest.mark.parametrize("order", "<>")
async def test_a_big_tiff_and_either_order_of_bytes_are_read(order: str) -> None:
    mark = b"II" if order == "<" else b"MM"
    sides = ((256, 3, 60), (257, 3, 40), (274, 3, 6))
    plain = struct.pack(f"{order}HIH", 42, 8, 3) + b"".join(
        struct.pack(f"{order}HHIHxx", tag, kind, 1, value) for tag, kind, value in sides
    )
    assert await facts(mark + plain + bytes(4)) == (40, 60, 6)
    big = struct.pack(f"{order}HHHQQ", 43, 8, 0, 16, 3) + b"".join(
        struct.pack(f"{order}HHQH6x", tag, kind, 1, value) for tag, kind, value in sides
    )
    assert await facts(mark + big + bytes(8)) == (40, 60, 6)


def heif(*properties: tuple[bytes, bytes], wide: bool = False) -> bytes:
    """A file with an item that has these properties, behind one that is smaller."""
    told = [(b"ispe", struct.pack(">III", 0, 8, 8)), *properties]
    numbers = range(2, len(told) + 1)
    links = struct.pack(f">{len(numbers)}{'H' if wide else 'B'}", *numbers)
    names = "I" if wide else "H"
    ipma = struct.pack(">BBBB", int(wide), 0, 0, int(wide)) + struct.pack(">I", 2)
    ipma += struct.pack(f">{names}BH" if wide else f">{names}BB", 1, 1, 1)
    ipma += struct.pack(f">{names}B", 2, len(numbers)) + links
    inside = box(b"pitm", struct.pack(">I", int(wide) << 24) + struct.pack(f">{names}", 2))
    inside += box(b"iprp", box(b"ipco", b"".join(box(*each) for each in told)) + box(b"ipma", ipma))
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", bytes(4) + inside)


ISPE = (b"ispe", struct.pack(">III", 0, *SIZE))


@pytest.mark.parametrize("wide", [False, True])
async def test_heic_has_the_sides_of_its_primary_image(wide: bool) -> None:
    assert await facts(heif(ISPE, wide=wide)) == (*SIZE, None)
    turns = {b"\0": (*SIZE, None), b"\1": (40, 60, 8), b"\2": (*SIZE, 3), b"\3": (40, 60, 6)}
    for turn, expected in turns.items():
        assert await facts(heif(ISPE, (b"irot", turn), wide=wide)) == expected
    assert await facts(heif(ISPE, (b"imir", b"\1"), wide=wide)) == (*SIZE, 2)
    cut = (b"clap", struct.pack(">8I", 50, 1, 30, 1, 0, 1, 0, 1))
    assert await facts(heif(ISPE, cut, (b"irot", b"\3"), wide=wide)) == (30, 50, 6)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("ff0a58098e8148", (200, 300, None)),  # as libjxl 0.11 writes them
        (f"{JXL_BOXES}ff0a8080ce07d809", (1000, 17, None)),
        # 64 x 64, of more than usual: turned by a quarter
        ((b"\xff\x0a" + (0x0F | 1 << 6 | 1 << 10 | 5 << 11).to_bytes(3, "little")).hex(), None),
    ],
)
async def test_jpeg_xl_tells_its_sides_first(
    head: str, expected: tuple[int, int, int | None] | None
) -> None:
    found = await facts(bytes.fromhex(head) + bytes(40))
    assert found == (expected or (64, 64, 6))


@pytest.mark.parametrize(
    ("attributes", "sides"),
    [
        ("width='36' height='20px'", (36, 20)),
        ("width='36.5' height='20.2'", (37, 20)),
        ("width='210mm' height='297mm'", (595, 842)),
        ("width='2in' height='72pt'", (144, 72)),
        ("viewBox='0 0 33.3 44'", (33, 44)),
        ("width='100%' height='100%' viewBox='0,0,30,60'", (30, 60)),
        ("width='100' viewBox='0 0 30 60'", (100, 200)),
        ("height='50' width='auto' viewBox='0 0 30 60'", (25, 50)),
        ("style='width:20px; height: 10px' viewBox='0 0 4 4'", (20, 10)),
        ("aria-label='a > b' data-width='7' width='20' height='10'", (20, 10)),
        ("width='50'", (None, None)),
        ("width='0.2' height='3'", (None, None)),
        ("width='50%' height='9'", (None, None)),
        ("viewBox='0 0 nan inf'", (None, None)),
        ("width='1e9' height='9999999999'", (None, None)),
        ("width='4e9' height='9'", (None, None)),
        ("", (None, None)),
    ],
)
async def test_a_drawing_is_as_large_as_it_is_drawn(attributes: str, sides: Any) -> None:
    """As librsvg has it, at 72 units an inch."""
    drawing = (
        f'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" {attributes}><g/></svg>'
    )
    assert (await facts(drawing.encode()))[:2] == sides


async def test_an_orientation_that_is_none_is_not_told() -> None:
    for wrong in (0, 9, 65535):
        content = drawn("TIFF", turned=6).replace(
            struct.pack("<HHIH", 274, 3, 1, 6), struct.pack("<HHIH", 274, 3, 1, wrong)
        )
        assert await facts(content) == (*SIZE, None)


def many(name: bytes, count: int, content: bytes = b"") -> bytes:
    return box(name, content) * count


ENDLESS: dict[str, Callable[[], bytes]] = {
    "metas": lambda: heif()[:24] + box(b"meta", bytes(4) + many(b"free", 256)) * 300,
    "properties": lambda: heif(*[ISPE] * 200) + many(b"free", 300),
    "segments": lambda: b"\xff\xd8\xff" + b"\xe1\0\x02\xff" * 100_000,
    "long segments": lambda: b"\xff\xd8" + (b"\xff\xe0\xea\x60" + bytes(59_998)) * 100,
    "chunks": lambda: b"\x89PNG\r\n\x1a\n" + (b"\0\0\x40\0eXIf" + bytes(0x4004)) * 100,
    "headers": lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"jp2h", many(b"free", 256)) * 300,
    "frames": lambda: (
        b"RIFF\0\0\0\0WEBPVP8X\n\0\0\0\x08" + bytes(9) + (b"ANMF\0\x40\0\0" + bytes(0x4000)) * 100
    ),
    "boxes": lambda: bytes.fromhex(JXL_BOXES)[:12] + many(b"free", 30_000),
    "fields": lambda: b"II*\0\x08\0\0\0\xff\xff" + b"\x12\1\3\0\1\0\0\0\6\0\0\0" * 70_000,
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_headers_without_an_end_are_left_after_a_few_reads(name: str) -> None:
    source = CountedBytes(ENDLESS[name]())
    started = time.process_time()
    found = await DETECTOR.inspect(source)
    assert time.process_time() - started < 0.2
    assert found.certain
    assert found.kind == "image"
    assert len(source.reads) <= 40


async def test_damaged_headers_neither_raise_nor_tell_nonsense() -> None:
    dice = random.Random(6)  # noqa: S311 - the same damage every time
    whole = [drawn(each, turned=6) for each in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")]
    whole += [drawn("JPEG2000"), drawn("ICO"), heif(ISPE, (b"irot", b"\1"))]
    for content in whole:
        for _ in range(60):
            data = bytearray(content[: dice.randrange(12, len(content))])
            for _ in range(dice.randint(1, 8)):
                data[dice.randrange(4, len(data))] = dice.choice([0, 1, 0x7F, 0x80, 0xFF])
            told = (await DETECTOR.inspect(CountedBytes(bytes(data), claimed=2**62))).metadata
            assert ("width" in told) == ("height" in told)
            assert told.get("width", 1) > 0
            assert told.get("height", 1) > 0
            assert 1 <= told.get("orientation", 1) <= 8
