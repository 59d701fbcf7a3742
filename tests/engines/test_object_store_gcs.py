"""Google Cloud Storage, on fake-gcs-server."""

import uuid
from collections.abc import AsyncIterator

import httpx2
import pytest

from mediakiln.adapters.object_store.cloud import GcsObjectStore
from mediakiln.model.keys import Bucket
from mediakiln.testing.object_store import ObjectStoreContract
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("gcs"), pytest.mark.timeout(300)]


@pytest.fixture
async def url() -> str:
    endpoint, name = server("GCS", "gcs"), f"t-{uuid.uuid4().hex[:12]}"
    async with httpx2.AsyncClient() as client:
        for bucket in Bucket:
            address = f"{endpoint}/storage/v1/b?project=test"
            made = await client.post(address, json={"name": f"{name}-{bucket}"})
            assert made.status_code == 200, made.text
    return f"gs://{name}?endpoint={endpoint}&anonymous=true"


@pytest.fixture
async def store(url: str) -> AsyncIterator[GcsObjectStore]:
    store = GcsObjectStore.from_url(url)
    await store.ensure()
    yield store
    await store.close()


class TestGcsObjectStore(ObjectStoreContract):
    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[GcsObjectStore]:
        second = GcsObjectStore.from_url(url)
        await second.ensure()
        yield second
        await second.close()
