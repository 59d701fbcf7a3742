"""What is counted before a library looks at it: frames, pages, and what EXIF claims."""

import struct
from pathlib import Path

import pytest

from golden.hostile_rasters import RASTERS, encoded, grey, tiff
from mediakiln.operations.image.pixels.codecs.counting import most_frames
from mediakiln.operations.image.pixels.engine import explain
from mediakiln.operations.image.pixels.formats import Format
from mediakiln.operations.image.pixels.meta.modest import MAX_BYTES, MAX_NUMBERS, modest


def _counted(folder: Path, format: Format, data: bytes, limit: int = 1_000) -> int:
    path = folder / "file"
    path.write_bytes(data)
    return most_frames(path, format, limit)


def test_counting_ends_beyond_the_limit(tmp_path: Path) -> None:
    assert _counted(tmp_path, "webp", RASTERS["frames.webp"](), 5) == 6
    pages = b"".join(tiff(grey(1, 1), 8 + (n + 1) * 114 if n < 9 else 0)[8:] for n in range(10))
    whole = tiff([])[:8] + pages
    assert _counted(tmp_path, "tiff", whole) == 10
    assert _counted(tmp_path, "tiff", whole, 3) == 4


def test_a_chain_that_loops_or_leaves_the_file_ends(tmp_path: Path) -> None:
    assert _counted(tmp_path, "tiff", tiff(grey(1, 1), 8)) == 1
    assert _counted(tmp_path, "tiff", tiff(grey(1, 1), 0xFFFFFF)) == 1
    assert _counted(tmp_path, "tiff", b"II") == 0
    assert _counted(tmp_path, "tiff", b"MM\0+" + struct.pack(">HHQ", 8, 0, 1 << 63)) == 0


def test_of_other_formats_nothing_is_counted(tmp_path: Path) -> None:
    assert _counted(tmp_path, "gif", RASTERS["frames.gif"]()) == 0
    assert _counted(tmp_path, "webp", encoded("WEBP")) == 0


@pytest.mark.parametrize(
    ("entries", "answer"),
    [
        ([(270, 2, 1_000, 8), (0x829A, 5, 1, 8)], True),
        ([(270, 2, MAX_BYTES + 1, 8)], False),
        ([(1_000 + n, 7, MAX_BYTES // 2, 8) for n in range(3)], False),
        ([(0x829A, 5, MAX_NUMBERS + 1, 8)], False),
        ([(1_000 + n, 5, 6_000, 8) for n in range(100)], False),
        ([(0x8769, 4, 1, 8)], True),
    ],
)
def test_exif_that_claims_too_much_is_not_read(
    entries: list[tuple[int, int, int, int]], *, answer: bool
) -> None:
    block = tiff(entries)
    assert modest(block) is answer
    assert modest(b"Exif\0\0" + block) is answer


def test_directories_below_are_counted_too() -> None:
    below = tiff([(0x829A, 5, MAX_NUMBERS + 1, 8)])[8:]
    start = tiff([(0x8769, 4, 1, 8 + 18)])
    assert not modest(start + below)


def test_a_damaged_block_is_judged_by_what_can_be_read() -> None:
    assert modest(b"")
    assert modest(b"II*\0")
    assert modest(tiff(grey(1, 1))[:40])


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        (
            "unable to write to memory\nVipsJpeg: premature end of JPEG image",
            "bad_media",
            "premature",
        ),
        ("unable to write to target /srv/x/image.png\n", "bad_media", "cannot be read"),
        ("vips_tracked: out of memory --- size == 12MB", "memory_limit", "more memory"),
        ("source: /srv/secret/file is odd", "bad_media", "a file is odd"),
    ],
)
def test_an_error_names_the_cause_and_no_path(said: str, code: str, message: str) -> None:
    error = explain(said)
    assert error.code == code
    assert message in error.message
    assert "/srv" not in error.message
