"""The operator's models: folders here, recognisers elsewhere."""

import json
from pathlib import Path

import pytest

from mediakiln.cli.config import config
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.roles import models
from mediakiln.roles.settings import Settings
from support.onnx_models import model_folder

pytest.importorskip("aiobotocore", reason="needs the extra rekognition")


def test_a_folder_and_an_address_stand_in_one_table(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    named: dict[str, str | Path] = {"here": folder, "aws": "rekognition://eu-west-1?labels=no"}
    found = models.read(Settings(label_models=named))
    assert found.table["here"] == {
        "folder": str(folder),
        "checksum": found.folders["here"]["checksum"],
    }
    assert found.table["aws"] == {
        "wanted": {"longest_side": 1920, "shortest_side": 80, "max_bytes": 5 * 1024 * 1024},
        "checksum": "rekognition://eu-west-1?labels=no&moderation=yes",
    }
    assert folder in found.readable()


def test_recipes_are_checked_only_where_models_are_set(tmp_path: Path) -> None:
    assert models.names(Settings()) is None
    known = models.names(Settings(label_models={"far": tmp_path / "on-a-worker-only"}))
    assert known is not None
    assert list(known) == ["far"]


@pytest.mark.parametrize(
    "address", ["rekognition://", "rekognise://eu-west-1", "rekognition://eu-west-1?x=1"]
)
def test_an_address_that_cannot_be_names_the_setting(address: str) -> None:
    with pytest.raises(EngineMisconfigured, match="MEDIAKILN_LABEL_MODELS"):
        models.read(Settings(label_models={"aws": address}))


def test_the_configuration_shows_addresses_and_no_credentials_in_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = {
        "a": "rekognition://eu-west-1?labels=no",
        "b": "rekognition://eu-west-1?endpoint=http://me:secret@127.0.0.1:9",
        "c": "rekognition://me:secret@eu-west-1",
        "d": "/models/d",
    }
    monkeypatch.setenv("MEDIAKILN_LABEL_MODELS", json.dumps(shown))
    config(json_=True)
    assert json.loads(capsys.readouterr().out)["label_models"]["value"] == shown | {
        "b": "rekognition://eu-west-1?endpoint=http://***@127.0.0.1:9",
        "c": "rekognition://***@eu-west-1",
    }
