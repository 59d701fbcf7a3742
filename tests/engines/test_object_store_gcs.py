"""Google Cloud Storage, on fake-gcs-server."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from mediakiln.adapters.object_store.cloud import GcsObjectStore
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable, NotSupported
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import Lifecycle, LifecycleRules, Presigned, Writer
from mediakiln.testing.object_store import ObjectStoreContract
from mediakiln.testing.object_store_tools import keys_of, pattern
from support.google import service_account, tokens
from support.proxy import Cut, Proxy
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("gcs"), pytest.mark.timeout(300)]


@pytest.fixture
def url() -> str:
    name = f"t-{uuid.uuid4().hex[:12]}"
    return f"gs://{name}?endpoint={server('GCS', 'gcs')}&anonymous=true&project=test"


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


async def test_missing_buckets_are_made_by_whoever_comes_first(url: str) -> None:
    stores = [GcsObjectStore.from_url(url) for _ in range(3)]
    await asyncio.gather(*(store.ensure() for store in stores))
    await stores[0].put(Bucket.ARCHIVE, "k", b"x")
    await stores[1].ensure()
    assert await stores[2].get(Bucket.ARCHIVE, "k") == b"x"
    for store in stores:
        await store.close()


async def test_a_missing_bucket_without_a_project_is_told_with_a_remedy(url: str) -> None:
    store = GcsObjectStore.from_url(url.replace("&project=test", ""))
    with pytest.raises(EngineMisconfigured, match="project") as caught:
        await store.ensure()
    assert "gcloud storage buckets create gs://t-" in caught.value.context["hint"]
    await store.close()


async def test_a_server_without_lifecycle_rules_says_so(store: GcsObjectStore) -> None:
    assert isinstance(store, Lifecycle)
    with pytest.raises(NotSupported) as caught:
        await store.apply_rules(LifecycleRules(archive_days=30))
    assert caught.value.context["hint"]


async def test_a_signed_address_reads_under_a_name_and_a_type(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signature itself is compared with obstore's elsewhere: this server reads none."""
    path = tmp_path / "account.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with tokens() as token_uri:
        service_account(path, token_uri)
        store = GcsObjectStore.from_url(url.replace("&anonymous=true", ""))
        await store.ensure()
        assert isinstance(store, Presigned)
        assert store.capabilities.presign_described
        key = "p/a b+ü"
        await store.put(Bucket.PRODUCTION, key, b"bytes")
        address = await store.presign(
            Bucket.PRODUCTION,
            key,
            method="GET",
            expires_s=60,
            filename='ä "1".txt',
            media_type="text/x-odd",
        )
        await store.close()
    async with httpx2.AsyncClient() as client:
        answer = await client.get(address)
    assert (answer.status_code, answer.content) == (200, b"bytes")
    assert answer.headers["content-type"] == "text/x-odd"
    expected = "attachment; filename*=UTF-8''%C3%A4%20%221%22.txt"
    assert answer.headers["content-disposition"] == expected


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
