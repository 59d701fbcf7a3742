"""image.describe, image.palette and image.hash, against files whose answers are known."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from PIL.TiffImagePlugin import IFDRational

from golden.image_samples import BLUE, RED, frames, pixels, saved, scene, srgb_profile
from mediakiln.operations.image.facts import hashes
from mediakiln.operations.image.facts.describe import describe
from mediakiln.operations.image.facts.hash import image_hash
from mediakiln.operations.image.facts.palette import palette
from mediakiln.ports.operation import Context, Operation

CONTEXT = Context("image/x", threads=1)
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:d="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:p="http://ns.adobe.com/photoshop/1.0/" p:Credit="Kiln &amp; Co" exif:GPSLatitude="52,31N">
 <d:title><rdf:Alt><rdf:li xml:lang="de">Ofen</rdf:li><rdf:li xml:lang="x-default">Kiln</rdf:li>
 </rdf:Alt></d:title><d:subject><rdf:Bag><rdf:li>fire</rdf:li><rdf:li>clay</rdf:li></rdf:Bag>
 </d:subject></rdf:Description></rdf:RDF></x:xmpmeta>"""


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Kilnworks"
    exif[0x0110] = "K-1"
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0x829A: IFDRational(1, 250), 0x9003: "2024:05:06 07:08:09"})
    exif.get_ifd(0x8825).update(
        {1: "S", 2: (33.0, 30.0, 36.0), 3: "E", 4: (151.0, 12.0, 0.0), 5: b"\x00", 6: 12.5}
    )
    return exif


def _told(item: Operation, source: Path, out: Path, **params: Any) -> dict[str, Any]:
    (product,) = item.run(source, params, out, CONTEXT)
    told: dict[str, Any] = json.loads((out / product.file).read_text())
    return told


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "avif"])
def test_what_a_camera_wrote_is_told_by_its_own_names(
    tmp_path: Path, out: Path, extension: str
) -> None:
    source = saved(scene(90, 60), tmp_path / f"a.{extension}", exif=_exif().tobytes())
    told = _told(describe, source, out)
    assert (told["width"], told["height"]) == (60, 90)
    assert told["exif"]["Make"] == "Kilnworks"
    assert told["exif"]["ExposureTime"] == pytest.approx(0.004)
    assert told["exif"]["DateTimeOriginal"] == "2024:05:06 07:08:09"


def test_a_place_is_told_only_to_who_asks(tmp_path: Path, out: Path) -> None:
    source = saved(scene(90, 60), tmp_path / "a.jpg", exif=_exif().tobytes(), xmp=XMP.encode())
    text = json.dumps(_told(describe, source, out))
    assert "location" not in text
    assert "GPS" not in text
    told = _told(describe, source, out, location=True)
    assert told["location"] == {"latitude": -33.51, "longitude": 151.2, "altitude_m": 12.5}
    assert told["xmp"]["exif:GPSLatitude"] == "52,31N"


def test_xmp_becomes_text_and_lists_under_the_usual_prefixes(tmp_path: Path, out: Path) -> None:
    source = saved(scene(90, 60), tmp_path / "a.jpg", xmp=XMP.encode())
    assert _told(describe, source, out)["xmp"] == {
        "dc:subject": ["fire", "clay"],
        "dc:title": "Kiln",
        "photoshop:Credit": "Kiln & Co",
    }
    (made,) = describe.run(source, {}, out, CONTEXT)
    assert made.metadata["title"] == "Kiln"
    assert made.metadata["keywords"] == ["fire", "clay"]


@pytest.mark.parametrize(
    "packet",
    [
        b"<x:xmpmeta",
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        + XMP.encode().replace(b"fire", b"&e;"),
        b"<r>" * 5000,
    ],
)
def test_a_hostile_packet_costs_nothing_but_itself(
    tmp_path: Path, out: Path, packet: bytes
) -> None:
    source = saved(scene(90, 60), tmp_path / "a.jpg", xmp=packet)
    told = _told(describe, source, out)
    assert told["width"] == 90
    assert "root:" not in json.dumps(told)


def test_iptc_is_told_by_name(tmp_path: Path, out: Path) -> None:
    def dataset(number: int, text: bytes) -> bytes:
        return b"\x1c\x02" + bytes([number]) + len(text).to_bytes(2, "big") + text

    iim = dataset(105, b"Headline") + dataset(25, b"fire") + dataset(25, b"clay")
    block = b"8BIM\x04\x04\x00\x00" + len(iim).to_bytes(4, "big") + iim + b"\0" * (len(iim) % 2)
    body = b"Photoshop 3.0\0" + block
    jpeg = saved(scene(90, 60), tmp_path / "plain.jpg").read_bytes()
    source = tmp_path / "a.jpg"
    segment = b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body
    source.write_bytes(jpeg[:2] + segment + jpeg[2:])
    assert _told(describe, source, out)["iptc"] == {
        "headline": "Headline",
        "keywords": ["fire", "clay"],
    }


def test_colour_resolution_and_animation_are_told(tmp_path: Path, out: Path) -> None:
    photo = saved(
        scene(90, 60),
        tmp_path / "a.jpg",
        icc_profile=srgb_profile(),
        dpi=(300, 300),
        progressive=True,
    )
    told = _told(describe, photo, out)
    assert told["colour"]["profile"] == "sRGB built-in"
    assert (told["dpi"], told["progressive"]) == (300, True)
    deep = Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16)
    assert _told(describe, saved(deep, tmp_path / "a.png"), out)["colour"] == {
        "space": "grey",
        "channels": 1,
        "bits": 16,
        "alpha": False,
        "palette": False,
        "profile": None,
    }


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_an_animation_is_told_with_its_length(tmp_path: Path, out: Path, name: str) -> None:
    first, *rest = frames()
    durations = [50, 60, 70, 200]
    more = {"append_images": rest, "duration": durations, "loop": 0}
    walk = saved(first, tmp_path / name, save_all=True, **more)
    assert _told(describe, walk, out)["animation"] == {
        "frames": 4,
        "duration_ms": 380,
        "loops": 0,
    }


def test_scores_order_images_as_eyes_do(tmp_path: Path, out: Path) -> None:
    def scores(image: Image.Image) -> dict[str, float]:
        told = _told(describe, saved(image, tmp_path / "a.png"), out)["scores"]
        return dict(told)

    sharp = scores(scene(400, 300))
    soft = scores(scene(400, 300).filter(ImageFilter.GaussianBlur(4)))
    dark = scores(scene(400, 300).point(lambda value: value // 60))
    assert sharp["sharpness"] > 5 * soft["sharpness"]
    assert dark["brightness"] < 0.05 < sharp["brightness"]
    assert dark["shadows"] > 0.9
    assert scores(Image.new("RGB", (1, 1), "white"))["highlights"] == 1


def test_without_scores_no_pixel_is_decoded(tmp_path: Path, out: Path) -> None:
    source = saved(scene(300, 200), tmp_path / "a.jpg")
    source.write_bytes(source.read_bytes()[:900])
    assert _told(describe, source, out, scores=False)["width"] == 300


def test_a_palette_has_the_colours_and_their_shares(tmp_path: Path, out: Path) -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 60, 50))
    image.paste((*BLUE, 255), (60, 0, 80, 50))
    told = _told(palette, saved(image, tmp_path / "a.png"), out, colours=4)
    assert told["dominant"] == "#e61e1e"
    assert {colour["hex"]: colour["share"] for colour in told["colours"]} == {
        "#e61e1e": 0.75,
        "#283cdc": 0.25,
    }


def test_small_things_of_unlike_colours_keep_their_own(tmp_path: Path, out: Path) -> None:
    shades = np.linspace(225, 250, 400).round().astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(shades[None, :, None], (300, 400, 3)).copy(), "RGB")
    image.paste(RED, (30, 30, 90, 90))
    image.paste(BLUE, (120, 30, 180, 90))
    told = _told(palette, saved(image, tmp_path / "a.png"), out)
    named = np.array([list(bytes.fromhex(each["hex"][1:])) for each in told["colours"]])
    for colour in (RED, BLUE):
        assert np.abs(named - colour).max(axis=1).min() <= 6
    assert told["dominant"] > "#e0e0e0"


def test_a_wholly_transparent_image_has_no_colours(tmp_path: Path, out: Path) -> None:
    empty = saved(Image.new("RGBA", (9, 9)), tmp_path / "a.png")
    assert _told(palette, empty, out) == {"dominant": None, "average": None, "colours": []}


def test_renditions_of_one_image_have_near_hashes(tmp_path: Path, out: Path) -> None:
    source = saved(scene(600, 400), tmp_path / "a.png")
    small = saved(scene(600, 400).resize((200, 133)), tmp_path / "b.jpg", quality=60)
    mirrored = saved(scene(600, 400).transpose(Image.Transpose.FLIP_LEFT_RIGHT), tmp_path / "c.png")
    one, other, third = (
        int(_told(image_hash, path, out)["phash"], 16) for path in (source, small, mirrored)
    )
    assert (one ^ other).bit_count() <= 4
    assert (one ^ third).bit_count() >= 16


def test_placeholders_show_the_image(tmp_path: Path, out: Path) -> None:
    import blurhash

    source = saved(scene(64, 40), tmp_path / "a.png")
    told = _told(image_hash, source, out)
    drawn = np.array(blurhash.decode(told["blurhash"], 64, 40))
    assert np.abs(drawn - pixels(source)).mean() < 40
    code = base64.b64decode(told["thumbhash"])
    assert code[4] >> 7 == 1, "landscape"
    assert code[2] >> 7 == 0, "opaque"


@pytest.mark.parametrize("colour", [(255, 255, 255), (200, 10, 10)])
def test_hashes_of_one_colour_are_no_noise(
    tmp_path: Path, out: Path, colour: tuple[int, int, int]
) -> None:
    plain = saved(Image.new("RGB", (50, 40), colour), tmp_path / "plain.png")
    told = _told(image_hash, plain, out)
    assert told["phash"] == "8000000000000000"
    waves = base64.b64decode(told["thumbhash"])[5:]
    assert not any(waves)


@pytest.mark.parametrize(
    ("width", "height", "clear", "reference"),
    [
        (48, 32, 0, "nvgNJZpgdndwh4h2iGiIh8CgDfh4"),
        (100, 100, 0, "HwgKNxpwdndwd3d3d2d3d3d3BwiIgI8H"),
        (32, 48, 1, "nQiKGxYdYGBnZ3fQkAz3h4yIf3h4h4g="),
        (60, 20, 1, "nfiJEpYdYHZgh3bgoQ/3iI+Iind3iIc="),
    ],
)
def test_thumbhash_agrees_with_the_reference_encoder(
    width: int, height: int, clear: int, reference: str
) -> None:
    """But for the last bit of a nibble: the reference computes in 32 bits."""
    y, x = np.mgrid[:height, :width]
    channels = [x * 255 // (width - 1), y * 255 // (height - 1), x * y % 256]
    image = np.stack([*channels, 255 - (x + y) % 200 * clear], axis=2).astype(np.uint8)
    ours, theirs = base64.b64decode(hashes.thumb(image)), base64.b64decode(reference)
    assert ours[:5] == theirs[:5]
    nibbles = [
        (one >> shift & 15, other >> shift & 15)
        for one, other in zip(ours, theirs, strict=True)
        for shift in (0, 4)
    ]
    assert max(abs(one - other) for one, other in nibbles) <= 1
