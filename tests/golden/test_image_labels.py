"""image.labels by tiny models whose answer is the mean of each colour."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from golden.image_samples import saved
from mediakiln.model.errors import InvalidRecipe, ModelUnavailable
from mediakiln.operations.image.recognise.label_model import read_models
from mediakiln.operations.image.recognise.labels import labels
from mediakiln.ports.operation import Context
from support import onnx_models
from support.onnx_models import model_folder


@pytest.fixture
def banner(tmp_path: Path) -> Path:
    """Red, with a green third on either side."""
    image = Image.new("RGB", (300, 100), (0, 255, 0))
    image.paste((255, 0, 0), (100, 0, 200, 100))
    return saved(image, tmp_path / "banner.png")


@pytest.fixture
def red(tmp_path: Path) -> Path:
    return saved(Image.new("RGB", (40, 20), (255, 0, 0)), tmp_path / "red.png")


def _told(source: Path, out: Path, folders: dict[str, Path], **params: Any) -> dict[str, Any]:
    context = Context("image/png", models=read_models(folders))
    (made,) = labels.run(source, {"least_confidence": 0.0, **params}, out, context)
    told: dict[str, Any] = json.loads((out / made.file).read_text())
    assert made.metadata["labels"] == told["labels"]
    assert made.metadata["safety"] == told["safety"]
    return told


def _sure(told: dict[str, Any]) -> dict[str, float]:
    return {label["name"]: label["confidence"] for label in told["labels"]}


@pytest.mark.parametrize(
    ("fit", "red", "green"),
    [("cover", 1.0, 0.0), ("fill", 1 / 3, 2 / 3), ("contain", 1 / 9, 2 / 9)],
)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_an_image_is_cut_stretched_or_bordered_as_the_model_says(
    tmp_path: Path, out: Path, banner: Path, fit: str, red: float, green: float, layout: str
) -> None:
    model = model_folder(tmp_path / "m", width=60, height=60, fit=fit, layout=layout)
    found = _sure(_told(banner, out, {"m": model}))
    assert found["red"] == pytest.approx(red, abs=0.03)
    assert found["green"] == pytest.approx(green, abs=0.03)
    assert found["blue"] == 0


def test_channels_are_normalised_in_the_order_the_model_wants(
    tmp_path: Path, out: Path, red: Path
) -> None:
    described: dict[str, Any] = {"colours": "BGR", "mean": [0.0, 0.5, 0.25], "std": [1.0, 1.0, 2.0]}
    names = ("blue", "green", "red")
    model = model_folder(tmp_path / "m", names, **described)
    assert _sure(_told(red, out, {"m": model}))["red"] == pytest.approx(0.375, abs=0.01)


@pytest.mark.parametrize("element", [onnx_models.UINT8, onnx_models.FLOAT16])
def test_models_of_bytes_and_of_half_floats_are_fed_theirs(
    tmp_path: Path, out: Path, red: Path, element: int
) -> None:
    made = onnx_models.mean_of_colours(element=element)
    model = model_folder(tmp_path / "m", model=made, activation="sigmoid")
    pixel = 255.0 if element == onnx_models.UINT8 else 1.0
    expected = 1 / (1 + math.exp(-pixel))
    assert _sure(_told(red, out, {"m": model}))["red"] == pytest.approx(expected, abs=0.001)


def test_the_surest_labels_come_first_and_the_unsure_are_left_out(
    tmp_path: Path, out: Path
) -> None:
    source = saved(Image.new("RGB", (40, 40), (51, 204, 102)), tmp_path / "a.png")
    model = model_folder(tmp_path / "m")
    told = _told(source, out, {"m": model}, least_confidence=0.3)
    assert told["labels"] == [
        {"name": "green", "confidence": 0.8, "model": "m"},
        {"name": "blue", "confidence": 0.4, "model": "m"},
    ]
    assert told["safety"] is None
    (only,) = _told(source, out, {"m": model}, most=1)["labels"]
    assert only["name"] == "green"


def test_the_most_worried_model_decides_about_safety(tmp_path: Path, out: Path) -> None:
    source = saved(Image.new("RGB", (40, 40), (51, 0, 102)), tmp_path / "a.png")
    free = model_folder(tmp_path / "free", unsafe=["red", "blue"])
    one = model_folder(tmp_path / "one", unsafe=["red", "blue"], exclusive=True)
    plain = model_folder(tmp_path / "plain")
    told = _told(source, out, {"free": free, "plain": plain})["safety"]
    assert told == {"score": 0.6, "unsafe": {"red": 0.2, "blue": 0.4}}
    together = _told(source, out, {"free": free, "one": one})["safety"]
    assert together["score"] == pytest.approx(0.4)


def test_softmax_makes_confidences_add_up(tmp_path: Path, out: Path, red: Path) -> None:
    model = model_folder(tmp_path / "m", activation="softmax")
    found = _sure(_told(red, out, {"m": model}))
    assert sum(found.values()) == pytest.approx(1.0, abs=0.001)
    assert found["red"] == pytest.approx(math.e / (math.e + 2), abs=0.001)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16", "CMYK"])
def test_any_image_has_three_channels_for_a_model(tmp_path: Path, out: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    source = saved(Image.new(mode, (50, 9)), tmp_path / f"a.{suffix}")
    assert len(_told(source, out, {"m": model_folder(tmp_path / "m")})["labels"]) == 3


def test_an_image_as_long_as_can_be_is_looked_at_in_bounded_memory(
    tmp_path: Path, out: Path
) -> None:
    source = saved(Image.new("RGB", (30_000, 1), (255, 0, 0)), tmp_path / "line.png")
    model = model_folder(tmp_path / "m", width=224, height=224)
    assert _sure(_told(source, out, {"m": model}))["red"] == 1


def test_without_models_labels_are_unavailable(out: Path, banner: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no model") as refused:
        labels.run(banner, {}, out, Context("image/png"))
    assert "MEDIAKILN_LABEL_MODELS" in refused.value.context["hint"]


def test_a_model_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, out: Path, banner: Path
) -> None:
    with pytest.raises(InvalidRecipe, match="'n'") as refused:
        _told(banner, out, {"m": model_folder(tmp_path / "m")}, models=["n"])
    assert refused.value.context["allowed"] == ["m"]


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ({"model": b"no model"}, "cannot be loaded"),
        ({"width": 9, "model": onnx_models.mean_of_colours()}, r"\[1, 3, 8, 8\]"),
        ({"labels": ("red", "green")}, "3 numbers and has 2 labels"),
        ({"model": onnx_models.mean_of_colours(element=onnx_models.INT64)}, "int64"),
    ],
)
def test_a_model_that_does_not_fit_is_unavailable_with_the_reason(
    tmp_path: Path, out: Path, banner: Path, folder: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelUnavailable, match=said) as refused:
        _told(banner, out, {"m": model_folder(tmp_path / "m", **folder)})
    assert "MEDIAKILN_LABEL_MODELS: model 'm'" in refused.value.message
    assert str(tmp_path) not in refused.value.message


def test_a_missing_runtime_is_said_with_its_remedy(
    tmp_path: Path, out: Path, banner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelUnavailable) as refused:
        _told(banner, out, {"m": model_folder(tmp_path / "m")})
    assert "mediakiln[labels]" in refused.value.context["hint"]
