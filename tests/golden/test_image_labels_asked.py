"""image.labels by models that are asked outside the sandbox."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from golden.image_samples import saved
from mediakiln.model.errors import EngineUnavailable, LimitExceeded, ModelUnavailable
from mediakiln.operations.image.recognise.label_model import read_models
from mediakiln.operations.image.recognise.labels import labels
from mediakiln.ports.operation import Context
from mediakiln.ports.recogniser import Wanted
from support.onnx_models import model_folder

TOLD: Mapping[str, Any] = {"labels": {"Beach": 0.9, "Kite": 0.03}, "unsafe": {"Gore": 0.25}}
WANTED = Wanted(shortest_side=80)


class Asked:
    """Answers every question, and keeps the images."""

    def __init__(self, told: Mapping[str, Any] = TOLD) -> None:
        self.told = told
        self.images: list[bytes] = []
        self.files: list[Path] = []

    def __call__(self, model: str, file: Path) -> Mapping[str, Any]:
        assert model == "aws"
        self.files.append(file)
        self.images.append(file.read_bytes())
        return self.told

    def seen(self) -> Image.Image:
        return Image.open(io.BytesIO(self.images[-1]))


def _context(asked: Asked, wanted: Wanted = WANTED, **folders: Path) -> Context:
    remote = {"aws": {"wanted": asdict(wanted), "checksum": "rekognition://r"}}
    return Context("image/png", models=remote | read_models(folders), ask=asked)


def _told(source: Path, out: Path, context: Context, **params: Any) -> dict[str, Any]:
    (made,) = labels.run(source, params, out, context)
    told: dict[str, Any] = json.loads((out / made.file).read_text())
    return told


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((300, 200), (300, 200)),
        ((4000, 1000), (1920, 480)),
        ((40, 20), (160, 80)),
        ((6000, 10), (1920, 80)),
        ((1, 1), (80, 80)),
    ],
)
def test_an_image_is_shown_within_the_bounds_of_who_is_asked(
    tmp_path: Path, out: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    source, asked = saved(Image.new("RGB", size, (255, 0, 0)), tmp_path / "a.png"), Asked()
    _told(source, out, _context(asked))
    seen = asked.seen()
    assert (seen.format, seen.mode, seen.size) == ("JPEG", "RGB", shown)
    red = seen.convert("RGB").getpixel((shown[0] // 2, shown[1] // 2))
    assert isinstance(red, tuple)
    assert red[0] > 200
    assert not asked.files[0].exists()


def test_nothing_but_pixels_leaves_and_they_are_upright(tmp_path: Path, out: Path) -> None:
    image, exif = Image.new("RGB", (300, 200), (9, 9, 9)), Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 16.0)
    image.save(tmp_path / "a.jpg", exif=exif)
    asked = Asked()
    context = replace(_context(asked), media_type="image/jpeg")
    _told(tmp_path / "a.jpg", out, context)
    assert asked.seen().size == (200, 300)
    assert not asked.seen().getexif()
    assert not {"exif", "icc_profile", "xmp"} & asked.seen().info.keys()


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16", "CMYK"])
def test_any_image_can_be_shown(tmp_path: Path, out: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    source, asked = saved(Image.new(mode, (90, 90)), tmp_path / f"a.{suffix}"), Asked()
    assert _told(source, out, _context(asked))["labels"]
    assert asked.seen().format == "JPEG"


def test_an_image_with_too_many_bytes_is_shown_at_a_lower_quality(
    tmp_path: Path, out: Path
) -> None:
    source, asked = saved(Image.effect_noise((400, 400), 90), tmp_path / "a.png"), Asked()
    _told(source, out, _context(asked))
    most = len(asked.images[0]) * 3 // 4
    _told(source, out, _context(asked, replace(WANTED, max_bytes=most)))
    assert len(asked.images[1]) <= most
    with pytest.raises(LimitExceeded) as refused:
        _told(source, out, _context(asked, replace(WANTED, max_bytes=1000)))
    assert refused.value.context["limit"] == 1000


def test_what_is_answered_is_told_like_what_a_model_here_says(tmp_path: Path, out: Path) -> None:
    source = saved(Image.new("RGB", (90, 90), (204, 0, 51)), tmp_path / "a.png")
    context = _context(Asked(), here=model_folder(tmp_path / "m", unsafe=["blue"]))
    assert _told(source, out, context) == {
        "labels": [
            {"name": "Beach", "confidence": 0.9, "model": "aws"},
            {"name": "red", "confidence": 0.8, "model": "here"},
            {"name": "blue", "confidence": 0.2, "model": "here"},
        ],
        "safety": {"score": 0.75, "unsafe": {"Gore": 0.25, "blue": 0.2}},
    }


@pytest.mark.parametrize(("unsafe", "safety"), [(None, None), ({}, {"score": 1.0, "unsafe": {}})])
def test_safety_is_known_only_where_it_was_asked_for(
    tmp_path: Path, out: Path, unsafe: Any, safety: Any
) -> None:
    source = saved(Image.new("RGB", (90, 90)), tmp_path / "a.png")
    told = _told(source, out, _context(Asked({"labels": {}, "unsafe": unsafe})))
    assert told == {"labels": [], "safety": safety}


def test_what_the_question_met_is_the_steps_error(tmp_path: Path, out: Path) -> None:
    def away(model: str, file: Path) -> Mapping[str, Any]:
        raise EngineUnavailable(f"{model}: {file.suffix}")

    source = saved(Image.new("RGB", (90, 90)), tmp_path / "a.png")
    with pytest.raises(EngineUnavailable, match=r"aws: \.jpg"):
        _told(source, out, replace(_context(Asked()), ask=away))
    with pytest.raises(ModelUnavailable, match="'aws' cannot be asked"):
        labels.run(source, {}, out, Context("image/png", models=_context(Asked()).models))
