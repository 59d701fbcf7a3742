"""The signature detector keeps the detectors' contract."""

import pytest

from mediakiln.adapters.detector.signature import SignatureDetector
from mediakiln.testing.detector import DetectorContract


class TestSignatureDetector(DetectorContract):
    @pytest.fixture
    def detector(self) -> SignatureDetector:
        return SignatureDetector()
