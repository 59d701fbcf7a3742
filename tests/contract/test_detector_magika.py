"""The learned detector keeps the detectors' contract, where its extra is installed."""

import pytest

from mediakiln.adapters.detector.magika import MagikaDetector
from mediakiln.adapters.detector.signature import SignatureDetector
from mediakiln.model.kind import Kind
from mediakiln.testing.detector import DetectorContract

pytest.importorskip("magika", reason="the extra magika is not installed")

PYTHON = b"import os\n\n\ndef name() -> str:\n    return os.name\n\n\nclass A:\n    pass\n"


@pytest.fixture(scope="module")
def detector() -> MagikaDetector:
    return MagikaDetector(SignatureDetector())


class TestMagikaDetector(DetectorContract):
    def test_code_is_named_by_its_language(self, detector: MagikaDetector) -> None:
        found = detector.sniff(PYTHON, complete=True)
        assert (found.media_type, found.kind) == ("text/x-python", Kind.DOCUMENT)
        assert found.metadata["label"] == "python"
        assert found.metadata["encoding"] == "ascii"
