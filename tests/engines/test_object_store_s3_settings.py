"""S3: what the URL says, what a bucket is given, and what goes wrong with either."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mediakiln.adapters.object_store.cloud import S3ObjectStore
from mediakiln.adapters.object_store.cloud.s3 import copies
from mediakiln.model.errors import (
    AlreadyExists,
    EngineMisconfigured,
    EngineUnavailable,
    InvalidRequest,
    NotSupported,
)
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import Lifecycle, LifecycleRules, Presigned
from mediakiln.testing.object_store_tools import ODD_KEYS, keys_of, pattern
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3")]

INPUT, PRODUCTION, ARCHIVE = Bucket


@pytest.fixture
def url() -> str:
    return f"s3://t-{uuid.uuid4().hex[:12]}?endpoint={server('S3', 's3')}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[S3ObjectStore]:
    store = S3ObjectStore.from_url(f"{url}&tags=true")
    await store.ensure()
    yield store
    await store.close()


async def _refused(url: str) -> EngineMisconfigured:
    store = S3ObjectStore.from_url(url)
    try:
        with pytest.raises(EngineMisconfigured) as caught:
            await store.ensure()
    finally:
        await store.close()
    return caught.value


async def test_wrong_credentials_are_told_with_a_remedy(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    error = await _refused(url)
    assert "credentials" in error.context["hint"]
    store = S3ObjectStore.from_url(url)
    with pytest.raises(EngineMisconfigured, match="SignatureDoesNotMatch"):
        await store.put(INPUT, "k", b"x")
    await store.close()


async def test_an_unknown_user_is_told_with_a_remedy(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    error = await _refused(url)
    assert "credentials" in error.context["hint"]


async def test_no_credentials_at_all_are_told_with_a_remedy(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    error = await _refused(url)
    assert "AWS_ACCESS_KEY_ID" in error.context["hint"]
    store = S3ObjectStore.from_url(url)
    with pytest.raises(EngineMisconfigured, match="credentials"):
        await store.put(INPUT, "k", b"x")
    await store.close()


async def test_a_missing_bucket_is_told_with_a_remedy(url: str) -> None:
    store = S3ObjectStore.from_url(url)
    for call in (store.put(INPUT, "k", b"x"), store.get(INPUT, "k"), keys_of(store)):
        with pytest.raises(EngineMisconfigured, match="NoSuchBucket") as caught:
            await call
        assert "mediakiln init" in caught.value.context["hint"]
    await store.close()


async def test_nobody_at_the_endpoint_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    store = S3ObjectStore.from_url("s3://none?endpoint=http://127.0.0.1:1&retries=0")
    with pytest.raises(EngineUnavailable):
        await store.ensure()
    with pytest.raises(EngineUnavailable):
        await store.get(INPUT, "k")
    await store.close()


async def test_buckets_are_made_by_many_at_once(url: str) -> None:
    stores = [S3ObjectStore.from_url(url) for _ in range(4)]
    await asyncio.gather(*(store.ensure() for store in stores))
    await stores[0].put(ARCHIVE, "k", b"x")
    assert await stores[3].get(ARCHIVE, "k") == b"x"
    await asyncio.gather(*(store.close() for store in stores))


async def test_each_bucket_may_have_a_name_of_its_own(url: str) -> None:
    name = f"own-{uuid.uuid4().hex[:8]}"
    store = S3ObjectStore.from_url(f"{url}&archive={name}")
    await store.ensure()
    await store.put(ARCHIVE, "k", b"x")
    await store.close()
    other = S3ObjectStore.from_url(f"{url}&input={name}")
    assert await other.get(INPUT, "k") == b"x"
    await other.close()


async def test_a_copy_by_parts_is_the_source(
    store: S3ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "WHOLE_BYTES", 10 << 20)
    monkeypatch.setattr(copies, "_RANGE", 6 << 20)
    data = pattern((20 << 20) + 1)
    await store.put(INPUT, "from", data)
    for if_absent in (True, False):
        info = await store.copy((INPUT, "from"), (ARCHIVE, "to"), if_absent=if_absent)
        assert await store.head(ARCHIVE, "to") == info
        assert await store.get(ARCHIVE, "to") == data
    with pytest.raises(AlreadyExists):
        await store.copy((INPUT, "from"), (ARCHIVE, "to"), if_absent=True)
    assert await _uploads(store, ARCHIVE) == []


@pytest.mark.parametrize("size", [0, 10, 20 << 20])
async def test_of_conditional_copies_to_one_key_exactly_one_wins(
    store: S3ObjectStore, size: int
) -> None:
    for number in range(4):
        await store.put(INPUT, f"from/{number}", pattern(size, number))
    came = await asyncio.gather(
        *(store.copy((INPUT, f"from/{n}"), (ARCHIVE, "to"), if_absent=True) for n in range(4)),
        return_exceptions=True,
    )
    lost = [outcome for outcome in came if isinstance(outcome, AlreadyExists)]
    assert len(lost) == 3, came
    (winner,) = (n for n, outcome in enumerate(came) if not isinstance(outcome, Exception))
    assert await store.get(ARCHIVE, "to") == pattern(size, winner)
    assert await _uploads(store, ARCHIVE) == []


async def test_a_writer_left_without_commit_leaves_no_parts(store: S3ObjectStore) -> None:
    async with store.writer(INPUT, "gone") as writer:
        await writer.write(pattern(20_000_000))
    assert await _uploads(store, INPUT) == []


async def test_new_production_and_archive_objects_are_tagged(store: S3ObjectStore) -> None:
    await store.put(INPUT, "k", b"x")
    await store.put(PRODUCTION, "put", b"x")
    async with store.writer(PRODUCTION, "streamed") as writer:
        await writer.write(pattern(9_000_000))
        await writer.commit()
    await store.copy((INPUT, "k"), (PRODUCTION, "copied"))
    await store.copy((INPUT, "k"), (PRODUCTION, "once"), if_absent=True)
    assert await _tags(store, INPUT, "k") == {}
    for key in ("put", "streamed", "copied", "once"):
        assert await _tags(store, PRODUCTION, key) == {"mediakiln": "production"}


async def test_a_versioned_bucket_tells_versions(store: S3ObjectStore) -> None:
    name = store._shelves[INPUT].name
    async with store._client.calls(name) as s3:
        await s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    first = await store.put(INPUT, "k", b"one")
    second = await store.put(INPUT, "k", b"one")
    assert first.version
    assert second.version not in {None, first.version}
    await store.delete(INPUT, ["k"])
    assert await store.head(INPUT, "k") is None
    assert await keys_of(store) == []


@pytest.mark.parametrize("key", ODD_KEYS)
async def test_a_presigned_address_reads_and_writes_without_credentials(
    store: S3ObjectStore, key: str
) -> None:
    assert isinstance(store, Presigned)
    assert store.capabilities.presign
    async with httpx2.AsyncClient() as client:
        put = await store.presign(INPUT, key, method="PUT", expires_s=60)
        assert (await client.put(put, content=b"bytes")).status_code == 200
        get = await store.presign(
            INPUT, key, method="GET", expires_s=60, filename='ä "1".txt', media_type="text/x-odd"
        )
        answer = await client.get(get, headers={"Range": "bytes=1-2"})
        assert (await client.put(get, content=b"other")).status_code == 403
    assert (answer.status_code, answer.content) == (206, b"yt")
    assert answer.headers["content-type"] == "text/x-odd"
    expected = "attachment; filename*=UTF-8''%C3%A4%20%221%22.txt"
    assert answer.headers["content-disposition"] == expected
    assert await store.get(INPUT, key) == b"bytes"


async def test_a_presigned_address_ends(store: S3ObjectStore) -> None:
    await store.put(INPUT, "k", b"x")
    address = await store.presign(INPUT, "k", method="GET", expires_s=1)
    await asyncio.sleep(2.1)
    async with httpx2.AsyncClient() as client:
        assert (await client.get(address)).status_code == 403
    for life in (0, -1, 8 * 86_400):
        with pytest.raises(InvalidRequest):
            await store.presign(INPUT, "k", method="GET", expires_s=life)


async def test_a_server_without_lifecycle_rules_says_so(store: S3ObjectStore) -> None:
    assert isinstance(store, Lifecycle)
    with pytest.raises(NotSupported) as caught:
        await store.apply_rules(LifecycleRules(archive_days=30))
    assert caught.value.context["hint"]


async def test_lifecycle_rules_are_written_beside_those_of_others() -> None:
    endpoint = server("AWS", "aws")
    store = S3ObjectStore.from_url(f"s3://t-{uuid.uuid4().hex[:12]}?endpoint={endpoint}")
    await store.ensure()
    name = store._shelves[ARCHIVE].name
    other = {"ID": "o", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 9}}
    async with store._client.calls(name) as s3:
        await s3.put_bucket_lifecycle_configuration(
            Bucket=name, LifecycleConfiguration={"Rules": [other]}
        )
    for days in (60, 90):
        await store.apply_rules(
            LifecycleRules(archive_days=days, cold_days=30, cold_class="STANDARD_IA")
        )
    assert [rule["ID"] for rule in await _rules(store, INPUT)] == ["mediakiln-abandoned"]
    foreign, abandoned, cold, expired = await _rules(store, ARCHIVE)
    assert foreign["ID"] == "o"
    assert abandoned["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert cold["Transitions"] == [{"Days": 30, "StorageClass": "STANDARD_IA"}]
    assert expired["Expiration"] == {"Days": 90}
    with pytest.raises(InvalidRequest):
        await store.apply_rules(LifecycleRules(archive_days=30, cold_days=30, cold_class="X"))
    await store.close()


async def _rules(store: S3ObjectStore, bucket: Bucket) -> list[dict[str, Any]]:
    name = store._shelves[bucket].name
    async with store._client.calls(name) as s3:
        found = await s3.get_bucket_lifecycle_configuration(Bucket=name)
    return list(found["Rules"])


async def _uploads(store: S3ObjectStore, bucket: Bucket) -> list[Any]:
    name = store._shelves[bucket].name
    async with store._client.calls(name) as s3:
        return list((await s3.list_multipart_uploads(Bucket=name)).get("Uploads", []))


async def _tags(store: S3ObjectStore, bucket: Bucket, key: str) -> dict[str, str]:
    name = store._shelves[bucket].name
    async with store._client.calls(name) as s3:
        found = await s3.get_object_tagging(Bucket=name, Key=key)
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}
