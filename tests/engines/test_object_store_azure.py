"""Azure Blob Storage, on Azurite."""

import os
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from mediakiln.adapters.object_store.cloud import AzureObjectStore
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectStore, Writer
from mediakiln.testing.object_store import ObjectStoreContract
from mediakiln.testing.object_store_tools import ODD_KEYS, keys_of, pattern
from support.azure import make_container
from support.proxy import Cut, Proxy
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


async def test_a_missing_bucket_is_told_with_a_remedy(url: str) -> None:
    store = AzureObjectStore.from_url(f"{url}&archive=t-none")
    with pytest.raises(EngineMisconfigured, match="t-none") as caught:
        await store.ensure()
    assert "create" in caught.value.context["hint"]
    await store.close()


@pytest.mark.parametrize("times", [1, 1_000])
async def test_an_upload_that_is_cut_is_sent_again_or_leaves_nothing(
    url: str, store: AzureObjectStore, times: int
) -> None:
    port = urlsplit(server("AZURE", "azure")).port
    assert port
    async with Proxy(port) as proxy:
        behind = AzureObjectStore.from_url(
            url.replace(f":{port}", f":{proxy.port}") + "&timeout_s=2&retries=2"
        )
        proxy.fault = Cut(request_after=3_000_000, times=times)
        writer = behind.writer(Bucket.INPUT, "k", if_absent=True)
        async with writer:
            if times == 1:
                await writer.write(pattern(20_000_000))
                await writer.commit()
            else:
                with pytest.raises(EngineUnavailable):
                    await _write(writer, pattern(20_000_000))
        await behind.close()
    found = await store.get(Bucket.INPUT, "k") if times == 1 else b""
    assert found == (pattern(20_000_000) if times == 1 else b"")
    assert await keys_of(store) == (["k"] if times == 1 else [])


async def _write(writer: Writer, data: bytes) -> None:
    await writer.write(data)
    await writer.commit()
