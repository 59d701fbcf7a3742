"""image.ocr, image.faces, image.codes and image.redact on drawn text, a drawn face, drawn codes."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from golden.image_samples import pixels, saved
from mediakiln.model.errors import InvalidRecipe, ModelUnavailable
from mediakiln.operations.image.edit.redact import redact
from mediakiln.operations.image.edit.resize import resize
from mediakiln.operations.image.recognise import finders
from mediakiln.operations.image.recognise.codes import codes
from mediakiln.operations.image.recognise.faces import faces
from mediakiln.operations.image.recognise.ocr import ocr
from mediakiln.operations.image.shape.crop import crop
from mediakiln.ports.operation import Context, Operation

CONTEXT = Context("image/x", threads=1)


def face(size: int = 240) -> Image.Image:
    """A face as dark and light parts lie in one, which is what a cascade goes by."""
    image = Image.new("L", (240, 240), 60)
    draw = ImageDraw.Draw(image)
    draw.ellipse((45, 20, 195, 225), fill=200)
    draw.ellipse((40, 5, 200, 75), fill=45)
    draw.ellipse((60, 45, 180, 110), fill=205)
    for middle in (90, 150):
        draw.rectangle((middle - 22, 83, middle + 22, 90), fill=70)
        draw.ellipse((middle - 20, 93, middle + 20, 117), fill=120)
        draw.ellipse((middle - 14, 98, middle + 14, 114), fill=240)
        draw.ellipse((middle - 7, 98, middle + 7, 114), fill=30)
    draw.polygon(((120, 95), (108, 150), (132, 150)), fill=225)
    draw.ellipse((106, 145, 134, 158), fill=150)
    draw.ellipse((92, 172, 148, 190), fill=90)
    return image.filter(ImageFilter.GaussianBlur(2.5)).resize((size, size)).convert("RGB")


def code(text: str, name: str = "QRCode") -> Image.Image:
    import zxingcpp

    made = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, name))
    drawn = np.array(made.to_image(scale=4))
    return Image.fromarray(drawn).convert("RGB")


def _crowd(tmp_path: Path) -> Path:
    image = Image.new("RGB", (900, 600), (128, 128, 128))
    image.paste(face(), (600, 300))
    return saved(image, tmp_path / "crowd.png")


def _told(item: Operation, source: Path, out: Path, **params: Any) -> dict[str, Any]:
    first = item.run(source, params, out, CONTEXT)[0]
    told: dict[str, Any] = json.loads((out / first.file).read_text())
    return told


def test_a_face_is_found_where_it_is(tmp_path: Path, out: Path) -> None:
    told = _told(faces, _crowd(tmp_path), out)
    (found,) = told["faces"]
    box = found["box"]
    assert 600 < box["left"] < 640
    assert 300 < box["top"] < 340
    assert 180 < box["width"] < 240
    assert (told["width"], told["height"]) == (900, 600)


def test_boxes_are_in_pixels_of_the_upright_image(tmp_path: Path, out: Path) -> None:
    image = Image.new("RGB", (1800, 2600), (128, 128, 128))
    image.paste(face(800), (900, 200))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = image.transpose(Image.Transpose.ROTATE_90)
    (found,) = _told(faces, saved(turned, tmp_path / "a.jpg", exif=exif), out)["faces"]
    assert 950 < found["box"]["left"] < 1050
    assert 200 < found["box"]["top"] < 320


def test_a_crop_keeps_the_face(tmp_path: Path, out: Path) -> None:
    params = {"width": 260, "height": 260, "position": "faces", "format": "png"}
    (made,) = crop.run(_crowd(tmp_path), params, out, CONTEXT)
    (found,) = _told(faces, out / made.file, out)["faces"]
    assert 0 <= found["box"]["left"] < 60
    square = {"width": 100, "height": 100, "fit": "cover", "position": "faces", "format": "png"}
    (made,) = resize.run(_crowd(tmp_path), square, out, CONTEXT)
    assert pixels(out / made.file)[:, 40:].std() > 20, "the face lies on the right"
    blank = saved(Image.new("RGB", (90, 60), (9, 9, 9)), tmp_path / "blank.png")
    (made,) = crop.run(blank, {"width": 30, "position": "faces"}, out, CONTEXT)
    assert made.metadata["width"] == 30


@pytest.mark.parametrize("size", [(1, 3_000), (3_000, 1), (20, 900), (40, 40)])
def test_the_reader_of_texts_is_never_shown_a_thread(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[int, ...]] = []

    def reader(seen: Any) -> Any:
        shown.append(seen.shape)
        return SimpleNamespace(boxes=None)

    monkeypatch.setattr(finders, "_reader", lambda: reader)
    assert finders.text(np.zeros((*size, 3), np.uint8)) == []
    height, width = shown[0][:2]
    assert height >= size[0]
    assert width >= size[1]
    assert width <= 60 * height
    assert height <= 8 * width


def test_nothing_is_found_in_nothing(tmp_path: Path, out: Path) -> None:
    blank = saved(Image.new("L", (300, 200), 200), tmp_path / "a.png")
    assert _told(faces, blank, out)["faces"] == []
    assert _told(codes, blank, out)["codes"] == []


@pytest.mark.parametrize(
    ("text", "name"), [("https://example.org/?a=ü", "QRCode"), ("5901234123457", "EAN13")]
)
def test_codes_are_read_even_turned(tmp_path: Path, out: Path, text: str, name: str) -> None:
    image = Image.new("RGB", (800, 700), "white")
    image.paste(code(text, name).rotate(90, expand=True, fillcolor="white"), (300, 200))
    (found,) = _told(codes, saved(image, tmp_path / "a.png"), out)["codes"]
    assert (found["text"], found["format"]) == (text, name)
    assert found["box"]["left"] >= 300
    assert found["box"]["top"] >= 200


@pytest.mark.parametrize("angle", [30, 45, 60])
def test_each_code_aslant_is_read_once_where_it_is(tmp_path: Path, out: Path, angle: int) -> None:
    image = Image.new("RGB", (900, 700), "white")
    image.paste(code("12345670", "ITF").resize((280, 100)), (300, 200))
    image.paste(code("ABC-123", "Code128").resize((280, 120)), (300, 310))
    image.paste(code("matrix"), (350, 450))
    tilted = image.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
    told = _told(codes, saved(tilted, tmp_path / "a.png"), out)["codes"]
    found = {each["format"]: each for each in told}
    assert len(told) == len(found) == 3
    assert found["ITF"]["text"] == "12345670"
    assert found["Code128"]["text"] == "ABC-123"
    bars = Image.new("L", image.size)
    bars.paste(255, (320, 310, 560, 430))
    left, top, right, bottom = bars.rotate(angle).getbbox() or (0, 0, 0, 0)
    box = found["Code128"]["box"]
    ends = box["left"], box["top"], box["left"] + box["width"], box["top"] + box["height"]
    assert ends == pytest.approx((left, top, right, bottom), abs=25)


@pytest.mark.parametrize("angle", [17, 30, 62, 110, 208, 340])
def test_a_long_code_aslant_is_read_once_where_it_is(tmp_path: Path, out: Path, angle: int) -> None:
    image, bars = Image.new("RGB", (700, 700), "white"), Image.new("L", (700, 700))
    image.paste(code("code number 11", "Code128").resize((500, 70)), (100, 315))
    bars.paste(255, (120, 315, 580, 385))
    tilted = image.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
    (found,) = _told(codes, saved(tilted, tmp_path / "a.png"), out)["codes"]
    assert found["text"] == "code number 11"
    ends = bars.rotate(angle).getbbox() or (0, 0, 0, 0)
    left, top, width, height = (found["box"][side] for side in ("left", "top", "width", "height"))
    assert (left, top, left + width, top + height) == pytest.approx(ends, abs=30)


@pytest.fixture(scope="module")
def invoice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = Image.new("RGB", (700, 200), "white")
    draw = ImageDraw.Draw(image)
    draw.text((20, 30), "Invoice 2024-117", font=ImageFont.load_default(36), fill="black")
    draw.text((20, 120), "Total due: 1,234.50", font=ImageFont.load_default(36), fill="black")
    return saved(image, tmp_path_factory.mktemp("invoice") / "invoice.png")


def test_text_is_read_line_by_line_with_its_places(invoice: Path, out: Path) -> None:
    first, last = _told(ocr, invoice, out)["text"]
    assert (first["text"], last["text"]) == ("Invoice 2024-117", "Total due: 1,234.50")
    assert first["confidence"] > 0.9
    assert abs(last["box"]["top"] - 120) < 15
    assert (out / "text.txt").read_text() == "Invoice 2024-117\nTotal due: 1,234.50"


@pytest.mark.parametrize("method", ["blur", "pixelate", "fill"])
def test_what_is_redacted_is_gone_and_the_rest_stays(
    tmp_path: Path, out: Path, method: str
) -> None:
    source = _crowd(tmp_path)
    params = {"what": ["faces"], "method": method, "format": "png"}
    (made,) = redact.run(source, params, out, CONTEXT)
    before, after = pixels(source), pixels(out / made.file)
    assert np.array_equal(before[:, :550], after[:, :550])
    eyes = slice(390, 420), slice(660, 780)
    assert after[eyes].std() < before[eyes].std() / 2


def test_codes_and_given_places_are_redacted(tmp_path: Path, out: Path) -> None:
    image = Image.new("RGB", (600, 500), "white")
    image.paste(code("secret"), (300, 200))
    source = saved(image, tmp_path / "a.png")
    place = {"left": 0.0, "top": 0.0, "width": 0.1, "height": 0.2}
    params = {"what": ["codes"], "places": [place], "method": "fill", "fill_colour": "#f00"}
    (made,) = redact.run(source, {**params, "format": "png"}, out, CONTEXT)
    assert _told(codes, out / made.file, out)["codes"] == []
    red = (pixels(out / made.file) == (255, 0, 0)).all(axis=2)
    assert red[:100, :60].all()
    assert not red[101:150, 61:].any()


def test_all_bars_of_a_tilted_code_are_redacted(tmp_path: Path, out: Path) -> None:
    image = Image.new("RGB", (700, 500), "white")
    image.paste(code("ABC-123", "Code128"), (120, 140))
    tilted = image.rotate(17, resample=Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
    (made,) = redact.run(
        saved(tilted, tmp_path / "a.png"),
        {"what": ["codes"], "method": "fill", "fill_colour": "white", "format": "png"},
        out,
        CONTEXT,
    )
    assert pixels(out / made.file).min() > 200


@pytest.mark.parametrize("method", ["blur", "pixelate"])
def test_a_place_takes_no_colour_from_transparent_pixels(
    tmp_path: Path, out: Path, method: str
) -> None:
    image = Image.new("RGBA", (120, 80), (255, 0, 0, 0))
    image.paste((0, 200, 0, 255), (30, 0, 90, 80))
    place = {"left": 0.1, "top": 0.2, "width": 0.8, "height": 0.5}
    params = {"places": [place], "method": method, "format": "png"}
    (made,) = redact.run(saved(image, tmp_path / "a.png"), params, out, CONTEXT)
    after = pixels(out / made.file, "RGBA")
    seen = after[after[:, :, 3] > 0]
    assert np.abs(seen[:, :3] - (0, 200, 0)).max() <= 2


def test_a_grey_image_is_covered_with_the_colour(tmp_path: Path, out: Path) -> None:
    grey = saved(Image.new("L", (40, 40), 128), tmp_path / "a.png")
    place = {"left": 0.0, "top": 0.0, "width": 0.5, "height": 1.0}
    params = {"places": [place], "method": "fill", "fill_colour": "#f00", "format": "png"}
    (made,) = redact.run(grey, params, out, CONTEXT)
    after = pixels(out / made.file)
    assert (after[:, :20] == (255, 0, 0)).all()
    assert (after[:, 20:] == 128).all()


def test_nothing_to_hide_is_a_mistake() -> None:
    with pytest.raises(InvalidRecipe, match="what, places"):
        redact.parse({})


@pytest.mark.parametrize(
    ("item", "module", "extra"),
    [(ocr, "rapidocr", "ocr"), (faces, "cv2", "faces"), (codes, "zxingcpp", "codes")],
)
def test_a_missing_library_is_said_with_its_remedy(
    tmp_path: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    item: Operation,
    module: str,
    extra: str,
) -> None:
    for kept in (finders._reader, finders._cascade):
        kept.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    blank = saved(Image.new("L", (60, 40), 200), tmp_path / "a.png")
    with pytest.raises(ModelUnavailable) as refused:
        item.run(blank, {}, out, CONTEXT)
    assert f"mediakiln[{extra}]" in refused.value.context["hint"]
