"""Rekognition as moto imitates it, which knows DetectLabels alone."""

import pytest

from mediakiln.adapters.recogniser.rekognition import RekognitionRecogniser
from support.rekognition import JPEG
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("aws")]


async def test_labels_come_from_a_server_that_we_did_not_write() -> None:
    endpoint = server("AWS", "aws")
    recogniser = RekognitionRecogniser.from_url(
        f"rekognition://us-east-1?moderation=no&endpoint={endpoint}"
    )
    try:
        await recogniser.check()
        found = await recogniser.labels(JPEG)
    finally:
        await recogniser.close()
    assert found.labels
    assert all(0.0 < confidence <= 1.0 for confidence in found.labels.values())
    assert found.unsafe is None
    assert found.versions["Rekognition labels"]
