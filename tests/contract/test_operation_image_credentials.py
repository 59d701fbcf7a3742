"""image.credentials keeps the contract of operations, reading and signing."""

from collections.abc import Mapping
from typing import Any

import pytest

from golden.image_files import animation, drawing, photo
from mediakiln.operations.image.provenance.credentials import credentials
from mediakiln.operations.image.provenance.signer import read_signer
from mediakiln.testing.operation import OperationContract, Sample
from support import certificates

SIGN = {"mode": "sign", "actions": [{"action": "c2pa.edited", "description": "by hand"}]}


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made = certificates.issue(tmp_path_factory.mktemp("signer"))
    return read_signer(made.certificate, made.key, None, made.anchors)


class TestReading(OperationContract):
    operation = credentials
    good = (
        Sample(photo, "image/jpeg", {}),
        Sample(animation, "image/gif", {"location": True}),
        Sample(drawing, "image/svg+xml", {}),
    )


class TestSigning(OperationContract):
    operation = credentials
    good = (Sample(photo, "image/jpeg", SIGN), Sample(animation, "image/gif", SIGN))
    bad = (Sample(drawing, "image/svg+xml", SIGN),)
    deterministic = False

    @pytest.fixture(autouse=True)
    def identity(self, signer: Mapping[str, Any]) -> None:
        self.credentials = signer
