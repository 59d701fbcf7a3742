"""Google Cloud Storage, on fake-gcs-server."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from mediakiln.adapters.object_store.cloud import GcsObjectStore
from mediakiln.model.errors import EngineMisconfigured, NotSupported
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import Lifecycle, LifecycleRules, Presigned
from mediakiln.testing.object_store import ObjectStoreContract
from support.clouds import new_url, opened
from support.google import service_account, tokens

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("gcs"), pytest.mark.timeout(300)]


@pytest.fixture
def url() -> str:
    return new_url(GcsObjectStore)


@pytest.fixture
async def store(url: str) -> AsyncIterator[GcsObjectStore]:
    async with opened(GcsObjectStore.from_url, url) as store:
        yield store


class TestGcsObjectStore(ObjectStoreContract):
    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[GcsObjectStore]:
        async with opened(GcsObjectStore.from_url, url) as second:
            yield second


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
