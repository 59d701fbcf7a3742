"""S3, on versitygw."""

from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.object_store.cloud import S3ObjectStore
from mediakiln.testing.object_store import ObjectStoreContract
from support.clouds import new_url, opened

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3")]


@pytest.fixture
def url() -> str:
    return new_url(S3ObjectStore)


@pytest.fixture
async def store(url: str) -> AsyncIterator[S3ObjectStore]:
    async with opened(S3ObjectStore.from_url, url) as store:
        yield store


class TestS3ObjectStore(ObjectStoreContract):
    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[S3ObjectStore]:
        async with opened(S3ObjectStore.from_url, url) as second:
            yield second
