"""Signatures, default outputs, and libvips' messages in our words."""

import pytest

from mediakiln.model.errors import (
    BadMedia,
    MediakilnError,
    ModelUnavailable,
    StorageFull,
    UnsupportedMedia,
)
from mediakiln.operations.image.pixels.engine import explain
from mediakiln.operations.image.pixels.formats import ACCEPTS, default_output, sniff
from mediakiln.testing.specimen_table import IMAGES


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", None),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00mif1miaf", "avif"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif", "avif"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "heic"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42", None),
        (b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- x -->\n<svg ", "svg"),
        (b"<html><body>", None),
        (b"P6\n2 2\n255\n", "pnm"),
        (b"PK\x03\x04", None),
        (b"", None),
    ],
)
def test_content_decides_the_format(head: bytes, name: str | None) -> None:
    assert sniff(head) == name


def test_what_can_be_read_is_accepted_by_the_name_that_it_is_detected_by() -> None:
    readable = [image for image in IMAGES if sniff(image.content) is not None]
    assert len(readable) > 15
    assert {image.media_type for image in readable} <= {*ACCEPTS}


def test_auto_keeps_web_formats_and_converts_the_others() -> None:
    def auto(source: str, *, alpha: bool = False, lossless: bool = False) -> str:
        return default_output(source, alpha=alpha, lossless=lossless)  # type: ignore[arg-type]

    assert [auto(f) for f in ("jpeg", "png", "webp", "avif", "gif")] == [
        "jpeg",
        "png",
        "webp",
        "avif",
        "gif",
    ]
    assert auto("heic") == auto("tiff") == auto("jp2") == "jpeg"
    assert auto("tiff", alpha=True) == auto("svg") == auto("bmp") == "png"
    assert auto("jpeg", lossless=True) == auto("heic", lossless=True) == "png"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "unable to call jpegsave\n  VipsJpeg: premature end of JPEG image\n",
            BadMedia,
            "the image is damaged: premature end of JPEG image",
        ),
        ("unable to call pngload\n  ", BadMedia, "the image is damaged: it cannot be read"),
        ("VipsForeignLoad: source is not in a known format", BadMedia, None),
        ("svgload: operation is blocked", UnsupportedMedia, None),
        ("heif: compression format has not been built in", ModelUnavailable, None),
        ("write error: No space left on device", StorageFull, None),
    ],
)
def test_libvips_messages_become_stable_errors(
    text: str, kind: type[MediakilnError], message: str | None
) -> None:
    error = explain(text)
    assert type(error) is kind
    assert message in {None, error.message}
