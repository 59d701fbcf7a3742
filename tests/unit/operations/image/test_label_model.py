"""Folders of label models are checked when the setting is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.operations.image.recognise.label_model import read_models
from support.onnx_models import model_folder


def test_a_model_is_named_by_its_contents_wherever_it_is(tmp_path: Path) -> None:
    first, second = model_folder(tmp_path / "a"), model_folder(tmp_path / "b" / "c")
    found = read_models({"one": first, "two": second})
    assert found["one"]["checksum"] == found["two"]["checksum"]
    assert found["two"]["folder"] == str(second)
    (second / "labels.txt").write_text("rouge\nvert\nbleu\n")
    assert read_models({"two": second})["two"]["checksum"] != found["two"]["checksum"]


def test_labels_may_be_a_json_list(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    (folder / "labels.txt").unlink()
    (folder / "labels.json").write_text('["a", "b", "c"]')
    assert read_models({"m": folder})


@pytest.mark.parametrize("file", ["model.onnx", "labels.txt", "model.json"])
def test_a_missing_file_is_named_with_the_setting(tmp_path: Path, file: str) -> None:
    folder = model_folder(tmp_path / "m")
    (folder / file).unlink()
    with pytest.raises(EngineMisconfigured, match=f"MEDIAKILN_LABEL_MODELS: model 'm'.*{file}"):
        read_models({"m": folder})


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"width": 0}, "width"),
        ({"layout": "CHW"}, "layout"),
        ({"std": [1, 0, 1]}, "std has a 0"),
        ({"sharpness": 1}, "sharpness"),
        ({"unsafe": ["nudity"]}, "'nudity' is none of its labels"),
    ],
)
def test_what_model_json_may_not_say_is_named(
    tmp_path: Path, described: dict[str, Any], said: str
) -> None:
    folder = model_folder(tmp_path / "m")
    (folder / "model.json").write_text(json.dumps({"width": 8, "height": 8} | described))
    with pytest.raises(EngineMisconfigured, match=said):
        read_models({"m": folder})


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("model.json", "{"),
        ("labels.txt", "a\n\nb"),
        ("labels.txt", "\n"),
        ("labels.json", "3"),
        ("labels.json", "[1]"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, file: str, text: str) -> None:
    folder = model_folder(tmp_path / "m")
    if file == "labels.json":
        (folder / "labels.txt").unlink()
    (folder / file).write_text(text)
    with pytest.raises(EngineMisconfigured, match=file):
        read_models({"m": folder})
