"""Uploads of parts on stores whose parts are joined at the end: Azurite and fake-gcs-server."""

from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.object_store.cloud import AzureObjectStore, GcsObjectStore
from mediakiln.ports.multipart import Multipart
from mediakiln.ports.object_store import ObjectStore
from mediakiln.testing.multipart import MultipartContract
from mediakiln.testing.object_store_tools import ODD_KEYS
from support.clouds import new_url, opened

pytestmark = [pytest.mark.engines, pytest.mark.timeout(400)]


@pytest.mark.xdist_group("azure")
class TestPartsOnAzure(MultipartContract):
    knows_offsets = False
    many = 20

    @pytest.fixture
    def url(self) -> str:
        return new_url(AzureObjectStore)

    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[AzureObjectStore]:
        async with opened(AzureObjectStore.from_url, url) as store:
            yield store

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[AzureObjectStore]:
        async with opened(AzureObjectStore.from_url, url) as second:
            yield second

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
        return new_url(GcsObjectStore)

    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[GcsObjectStore]:
        async with opened(GcsObjectStore.from_url, url) as store:
            yield store

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[GcsObjectStore]:
        async with opened(GcsObjectStore.from_url, url) as second:
            yield second
