"""The learned detector without its extra."""

import sys

import pytest

from mediakiln.adapters.detector.magika import MagikaDetector
from mediakiln.adapters.detector.signature import SignatureDetector
from mediakiln.model.errors import ModelUnavailable


def test_without_its_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "magika", None)  # how Python marks what cannot be imported
    with pytest.raises(ModelUnavailable) as missing:
        MagikaDetector(SignatureDetector())
    assert missing.value.context["hint"] == "pip install 'mediakiln[magika]'"
