"""Azure Blob Storage, on Azurite."""

import os
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from mediakiln.adapters.object_store.cloud import AzureObjectStore
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectStore
from mediakiln.testing.object_store import ObjectStoreContract
from mediakiln.testing.object_store_tools import ODD_KEYS
from support.azure import make_container
from support.servers import server

pytestmark = [
    pytest.mark.engines,
    pytest.mark.xdist_group("azure"),
    pytest.mark.timeout(400),  # Azurite takes 20 ms a request, on an idle machine
]


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
    @pytest.mark.parametrize("key", [key for key in ODD_KEYS if "\\" not in key])
    async def test_odd_names_are_kept_as_they_are(self, store: ObjectStore, key: str) -> None:
        """Without a backslash, which Azure keeps as a slash."""
        await super().test_odd_names_are_kept_as_they_are(store, key)

    async def test_keys_are_in_the_order_of_code_points(self, store: ObjectStore) -> None:
        del store
        pytest.skip("Azurite sorts by UTF-16; keys of mediakiln's own making are ASCII")

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[AzureObjectStore]:
        second = AzureObjectStore.from_url(url)
        await second.ensure()
        yield second
        await second.close()
