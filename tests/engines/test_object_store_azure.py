"""Azure Blob Storage, on Azurite."""

import os
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from mediakiln.adapters.object_store.cloud import AzureObjectStore
from mediakiln.model.keys import Bucket
from mediakiln.testing.object_store import ObjectStoreContract
from support.azure import make_container
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("azure")]


@pytest.fixture
async def url() -> str:
    endpoint, name = server("AZURE", "azure"), f"t-{uuid.uuid4().hex[:12]}"
    for bucket in Bucket:
        await make_container(endpoint, os.environ["AZURE_STORAGE_ACCOUNT_KEY"], f"{name}-{bucket}")
    return f"az://{urlsplit(endpoint).path.strip('/')}/{name}?endpoint={endpoint}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[AzureObjectStore]:
    store = AzureObjectStore.from_url(url)
    await store.ensure()
    yield store
    await store.close()


class TestAzureObjectStore(ObjectStoreContract):
    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[AzureObjectStore]:
        second = AzureObjectStore.from_url(url)
        await second.ensure()
        yield second
        await second.close()
