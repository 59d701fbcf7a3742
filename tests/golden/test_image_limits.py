"""Images that lie, are damaged, or are too large end in a stable error before they cost much."""

import resource
import struct
import time
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from golden.image_samples import frames, saved, scene
from mediakiln.model.errors import (
    BadMedia,
    LimitExceeded,
    MediakilnError,
    TooManyPixels,
    UnsupportedMedia,
)
from mediakiln.model.product import Product
from mediakiln.operations.image.edit.resize import resize
from mediakiln.ports.operation import Context

Resize = Callable[..., tuple[Path, Product]]


def test_a_header_of_64250_by_64250_is_refused_before_decoding(
    resized: Resize, tmp_path: Path
) -> None:
    data = bytearray(_encoded(scene(16, 16), "JPEG"))
    at = data.find(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 64250, 64250)
    source = tmp_path / "bomb.jpg"
    source.write_bytes(data)
    start = time.process_time()
    with pytest.raises(TooManyPixels) as refused:
        resized(source, width=100)
    assert refused.value.context == {"limit": 200_000_000, "value": 64250 * 64250}
    assert time.process_time() - start < 0.5


def test_a_png_of_225000_by_225000_is_refused_before_decoding(
    resized: Resize, tmp_path: Path
) -> None:
    source = tmp_path / "bomb.png"
    source.write_bytes(_png(225_000, 225_000))
    with pytest.raises(TooManyPixels):
        resized(source, width=100)


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "avif", "tif", "bmp", "jp2", "ppm"])
def test_every_format_is_held_against_the_operators_limit(
    out: Path, tmp_path: Path, extension: str
) -> None:
    source = saved(scene(), tmp_path / f"scene.{extension}")
    context = Context("image/x", max_pixels=256 * 160 - 1)
    with pytest.raises(TooManyPixels) as refused:
        resize.run(source, {"width": 10}, out, context)
    assert refused.value.context["limit"] == 256 * 160 - 1


def test_too_many_frames_are_refused(out: Path, tmp_path: Path) -> None:
    first, *rest = frames(6)
    source = tmp_path / "walk.gif"
    first.save(source, save_all=True, append_images=rest)
    with pytest.raises(LimitExceeded) as refused:
        resize.run(source, {"width": 10}, out, Context("image/gif", max_frames=5))
    assert (refused.value.context["limit"], refused.value.context["value"]) == (5, 6)


def test_frames_count_together_in_the_result(out: Path, tmp_path: Path) -> None:
    first, *rest = frames(6)
    source = tmp_path / "walk.gif"
    first.save(source, save_all=True, append_images=rest)
    context = Context("image/gif", max_pixels=6 * 64 * 40 - 1)
    with pytest.raises(TooManyPixels, match="result") as refused:
        resize.run(source, {"width": 64}, out, context)
    assert "animated: false" in refused.value.context["hint"]
    assert resize.run(source, {"width": 64, "animated": False}, out, context)


def test_a_result_too_large_for_its_format_is_refused(resized: Resize, tmp_path: Path) -> None:
    source = saved(Image.new("RGB", (10, 2000)), tmp_path / "tall.png")
    with pytest.raises(LimitExceeded, match="16383"):
        resized(source, width=1000, enlarge=True)


def test_a_progressive_jpeg_of_endless_scans_is_refused(resized: Resize, tmp_path: Path) -> None:
    plain = _encoded(scene(64, 64), "JPEG", progressive=True)
    last = plain[plain.rfind(b"\xff\xda") : -2]
    source = tmp_path / "scans.jpg"
    source.write_bytes(plain[:-2] + last * 80_000 + plain[-2:])
    start = time.process_time()
    with pytest.raises(LimitExceeded, match="scans"):
        resized(source, width=32)
    assert time.process_time() - start < 1


def test_a_progressive_jpeg_that_needs_much_memory_is_refused(
    resized: Resize, tmp_path: Path
) -> None:
    data = bytearray(_encoded(scene(16, 16), "JPEG", progressive=True))
    at = data.find(b"\xff\xc2") + 5
    data[at : at + 4] = struct.pack(">HH", 14_000, 14_000)
    source = tmp_path / "large.jpg"
    source.write_bytes(data)
    with pytest.raises(LimitExceeded) as refused:
        resized(source, width=100)
    assert "baseline" in refused.value.context["hint"]


def test_an_ordinary_progressive_jpeg_is_fine(resized: Resize, tmp_path: Path) -> None:
    source = saved(scene(), tmp_path / "scene.jpg", progressive=True)
    _, product = resized(source, width=100, progressive=True)
    assert product.metadata["width"] == 100


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "avif", "tif", "bmp", "jp2", "qoi"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_truncated_file_is_bad_media(
    resized: Resize, out: Path, tmp_path: Path, extension: str, part: float
) -> None:
    whole = saved(scene(), tmp_path / f"whole.{extension}").read_bytes()
    source = tmp_path / "cut"
    source.write_bytes(whole[: max(64, int(len(whole) * part))])
    with pytest.raises(BadMedia) as refused:
        resized(source, width=64)
    assert "damaged" in refused.value.message
    assert list(out.iterdir()) == []


def test_a_text_chunk_bomb_does_not_fill_the_memory(resized: Resize, tmp_path: Path) -> None:
    texts = b"".join(_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 60_000_000)) for _ in range(5))
    source = tmp_path / "text.png"
    source.write_bytes(_png(10, 10, texts))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resized(source, width=5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize(
    "head",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"8BPS\x00\x01",
        b"push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://127.0.0.1/)'\n",
        b"#!/bin/sh\n",
        b"<html><body>an image</body></html>",
        b"SIMPLE  =                    T",
    ],
)
def test_formats_that_have_harmed_others_are_not_tried(
    resized: Resize, tmp_path: Path, head: bytes
) -> None:
    source = tmp_path / "image.jpg"
    source.write_bytes(head + bytes(2000))
    with pytest.raises(UnsupportedMedia):
        resized(source, width=10)


def test_a_profile_text_chunk_reads_no_file(resized: Resize, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET-CONTENT")
    source = tmp_path / "cve.png"
    source.write_bytes(_png(10, 10, _chunk(b"tEXt", b"profile\0" + str(secret).encode())))
    path, _ = resized(source, width=5)
    assert b"SECRET" not in path.read_bytes()
    assert b"profile" not in path.read_bytes()


def test_every_malformed_sample_ends_in_a_product_or_a_stable_error(
    samples: Path, tmp_path: Path
) -> None:
    folders = [samples / "malformed" / "image", samples / "samples" / "image"]
    for number, source in enumerate(sorted(p for folder in folders for p in folder.iterdir())):
        out = tmp_path / str(number)
        out.mkdir()
        start = time.monotonic()
        products, error = _worked(source, out)
        assert error is None or not error.retryable, source.name
        assert {p.name for p in out.iterdir()} == {p.file for p in products}, source.name
        assert time.monotonic() - start < 20, source.name


def _worked(source: Path, out: Path) -> tuple[list[Product], MediakilnError | None]:
    try:
        return resize.run(source, {"width": 64}, out, Context("image/x")), None
    except MediakilnError as error:
        return [], error


def _encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, extra: bytes = b"") -> bytes:
    """A grey PNG that declares this size and holds as many rows as ten by ten pixels need."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + extra
        + _chunk(b"IDAT", zlib.compress(bytes(110)))
        + _chunk(b"IEND", b"")
    )
