"""The signature detector on the real files of MEDIAKILN_SAMPLES, by the folder of their kind."""

import os
from pathlib import Path

import pytest

from mediakiln.adapters.detector.signature import SignatureDetector
from mediakiln.testing.detector import CountedBytes

REFUSED = {".icm", ".mtl", ".zip", ".gz"}


@pytest.mark.parametrize("kind", ["image", "document", "model3d", "video", "audio"])
async def test_real_files_are_of_the_kind_of_their_folder(kind: str) -> None:
    named = os.environ.get("MEDIAKILN_SAMPLES")
    if not named:
        pytest.skip("MEDIAKILN_SAMPLES names no folder of real files")
    paths = [path for path in Path(named, "samples", kind).iterdir() if path.is_file()]
    assert paths
    for path in paths:
        found = await SignatureDetector().inspect(CountedBytes(path.read_bytes()), name=path.name)
        if path.suffix in REFUSED:
            assert found.kind is None, path.name
        elif path.suffix != ".jpg":  # a model's texture lies beside it
            assert found.kind == kind, path.name
