"""Uploads of parts on stores whose parts are joined at the end: Azurite and fake-gcs-server."""

import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from mediakiln.adapters.object_store.cloud import AzureObjectStore, GcsObjectStore
from mediakiln.ports.multipart import Multipart
from mediakiln.ports.object_store import ObjectStore
from mediakiln.testing.multipart import MultipartContract
from mediakiln.testing.object_store_tools import ODD_KEYS
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.timeout(400)]


@pytest.mark.xdist_group("azure")
class TestPartsOnAzure(MultipartContract):
    knows_offsets = False
    many = 20

    @pytest.fixture
    def url(self) -> str:
        endpoint, name = server("AZURE", "azure"), f"t-{uuid.uuid4().hex[:12]}"
        return f"az://{urlsplit(endpoint).path.strip('/')}/{name}?endpoint={endpoint}"

    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[AzureObjectStore]:
        store = AzureObjectStore.from_url(url)
        await store.ensure()
        yield store
        await store.close()

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[AzureObjectStore]:
        second = AzureObjectStore.from_url(url)
        yield second
        await second.close()

    @pytest.mark.parametrize("key", [key for key in ODD_KEYS if "\\" not in key])
    async def test_odd_names_are_kept_as_they_are(
        self, store: ObjectStore, parts: Multipart, key: str
    ) -> None:
        """Without a backslash, which Azure keeps as a slash."""
        await super().test_odd_names_are_kept_as_they_are(store, parts, key)


@pytest.mark.xdist_group("gcs")
class TestPartsOnGcs(MultipartContract):
    knows_offsets = False
    many = 120

    @pytest.fixture
    def url(self) -> str:
        name = f"t-{uuid.uuid4().hex[:12]}"
        return f"gs://{name}?endpoint={server('GCS', 'gcs')}&anonymous=true&project=test"

    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[GcsObjectStore]:
        store = GcsObjectStore.from_url(url)
        await store.ensure()
        yield store
        await store.close()

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[GcsObjectStore]:
        second = GcsObjectStore.from_url(url)
        yield second
        await second.close()
