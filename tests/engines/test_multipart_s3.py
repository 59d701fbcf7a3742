"""Uploads of parts on S3, on versitygw."""

import uuid
from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.object_store.cloud import S3ObjectStore
from mediakiln.testing.multipart import MultipartContract
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3")]


@pytest.fixture
def url() -> str:
    endpoint = server("S3", "s3")
    return f"s3://t-{uuid.uuid4().hex[:12]}?endpoint={endpoint}&region=us-east-1"


@pytest.fixture
async def store(url: str) -> AsyncIterator[S3ObjectStore]:
    store = S3ObjectStore.from_url(url)
    await store.ensure()
    yield store
    await store.close()


class TestPartsOnS3(MultipartContract):
    knows_offsets = False
    ends_for_good = False  # versitygw keeps such a part until the bucket's rule clears it

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[S3ObjectStore]:
        second = S3ObjectStore.from_url(url)
        yield second
        await second.close()
