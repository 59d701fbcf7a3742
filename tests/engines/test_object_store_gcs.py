"""Google Cloud Storage, on fake-gcs-server."""

import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2
import pytest

from mediakiln.adapters.object_store.cloud import GcsObjectStore
from mediakiln.model.errors import EngineUnavailable
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import Writer
from mediakiln.testing.object_store import ObjectStoreContract
from mediakiln.testing.object_store_tools import keys_of, pattern
from support.proxy import Cut, Proxy
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


@pytest.mark.parametrize("times", [1, 1_000])
async def test_an_upload_that_is_cut_is_sent_again_or_leaves_nothing(
    url: str, store: GcsObjectStore, times: int
) -> None:
    port = urlsplit(server("GCS", "gcs")).port
    assert port
    async with Proxy(port) as proxy:
        behind = GcsObjectStore.from_url(
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
