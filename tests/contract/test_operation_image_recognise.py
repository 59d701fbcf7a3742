"""The operations that recognise things in images keep the contract of operations."""

from pathlib import Path

import pytest

from golden.image_samples import saved, scene
from mediakiln.operations.image.edit.redact import redact
from mediakiln.operations.image.recognise.codes import codes
from mediakiln.operations.image.recognise.faces import faces
from mediakiln.operations.image.recognise.label_model import read_models
from mediakiln.operations.image.recognise.labels import labels
from mediakiln.testing.operation import OperationContract, Sample
from support.onnx_models import model_folder


def _photo(folder: Path) -> Path:
    return saved(scene(), folder / "photo.jpg", quality=90)


def _cut(folder: Path) -> Path:
    path = _photo(folder)
    path.write_bytes(path.read_bytes()[:1500])
    return path


class TestImageFaces(OperationContract):
    operation = faces
    good = (Sample(_photo, "image/jpeg", {}),)
    bad = (Sample(_cut, "image/jpeg", {}),)


class TestImageCodes(OperationContract):
    operation = codes
    good = (Sample(_photo, "image/jpeg", {}),)
    bad = (Sample(_cut, "image/jpeg", {}),)


class TestImageRedact(OperationContract):
    operation = redact
    good = (Sample(_photo, "image/jpeg", {"what": ["faces", "codes"], "format": "webp"}),)
    bad = (Sample(_cut, "image/jpeg", {"what": ["faces"]}),)


class TestImageLabels(OperationContract):
    operation = labels
    good = (Sample(_photo, "image/jpeg", {}),)
    bad = (Sample(_cut, "image/jpeg", {}),)

    @pytest.fixture(autouse=True)
    def _with_a_model(self, tmp_path: Path) -> None:
        self.models = read_models({"colours": model_folder(tmp_path / "models" / "colours")})
