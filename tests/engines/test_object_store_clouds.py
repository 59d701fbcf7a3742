"""What Google and Azure do their own way; and what every cloud's URL says."""

import asyncio
import time
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import pytest

from mediakiln.adapters.object_store.cloud import (
    AzureObjectStore,
    GcsObjectStore,
    S3ObjectStore,
)
from mediakiln.adapters.object_store.cloud.parts import PART_BYTES, part_size
from mediakiln.adapters.object_store.cloud.s3.copies import ranges
from mediakiln.model.errors import (
    EngineMisconfigured,
    EngineUnavailable,
    LimitExceeded,
    NotSupported,
)
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import LifecycleRules
from mediakiln.testing.object_store_tools import keys_of, pattern
from support.clouds import CloudStore, new_url, opened, port_of, write_all
from support.proxy import Cut, Proxy

pytestmark = [
    pytest.mark.engines,
    pytest.mark.timeout(400),  # Azurite takes milliseconds for every request
]

CLOUDS = [
    pytest.param(AzureObjectStore, id="azure", marks=pytest.mark.xdist_group("azure")),
    pytest.param(GcsObjectStore, id="gcs", marks=pytest.mark.xdist_group("gcs")),
]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://", "form"),
        ("s3://UPPER", "form"),
        ("s3://name?unknown=1", "unknown"),
        ("s3://name?timeout_s=soon", "timeout_s"),
        ("s3://name?retries=-1", "retries"),
        ("s3://name?tags=perhaps", "tags"),
        ("s3://name?archive_class=DEEP_ARCHIVE", "hours"),
        ("gs://name?anonymous=true&region=x", "region"),
        ("gs://name?anonymous=true&tags=true", "tags"),
        ("az://name", "form"),
        ("az://account/name?region=x", "region"),
    ],
)
def test_a_url_that_says_nothing_sensible_is_refused(url: str, said: str) -> None:
    engines: dict[str, Any] = {"s3": S3ObjectStore, "gs": GcsObjectStore, "az": AzureObjectStore}
    with pytest.raises(EngineMisconfigured, match=said) as caught:
        engines[url.partition(":")[0]].from_url(url)
    assert caught.value.context["hint"]


@pytest.mark.parametrize("size", [1, 1 << 30, (5 << 30) + 1, 5 << 40])
def test_the_ranges_of_a_copy_are_the_object_and_no_more_than_s3_takes(size: int) -> None:
    spans = ranges(size)
    assert spans[0][0] == 0
    assert spans[-1][1] == size
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert all(5 << 20 <= end - start <= 5 << 30 for start, end in spans[:-1])
    assert len(spans) <= 10_000


def test_parts_grow_so_that_ten_thousand_hold_hundreds_of_gigabytes() -> None:
    assert part_size(1) == part_size(2_000) == PART_BYTES
    assert sum(part_size(number) for number in range(1, 10_001)) > 600 << 30
    with pytest.raises(LimitExceeded):
        part_size(10_001)


@pytest.mark.parametrize("url", ["gs://name?anonymous=true", "az://account/name"])
async def test_nobody_at_the_endpoint_is_an_outage(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    separator = "&" if "?" in url else "?"
    url += f"{separator}endpoint=http://127.0.0.1:1/account&retries=0"
    engine = GcsObjectStore if url.startswith("gs") else AzureObjectStore
    store = engine.from_url(url)
    began = time.monotonic()
    for call in (store.ensure(), store.get(Bucket.INPUT, "k"), store.put(Bucket.INPUT, "k", b"x")):
        with pytest.raises(EngineUnavailable):
            await call
    with pytest.raises(EngineUnavailable if url.startswith("gs") else NotSupported):
        await store.apply_rules(LifecycleRules(archive_days=1))
    assert time.monotonic() - began < 10
    await store.close()


@pytest.mark.parametrize("engine", CLOUDS)
async def test_missing_buckets_are_made_by_whoever_comes_first(engine: type[CloudStore]) -> None:
    url = new_url(engine)
    async with AsyncExitStack() as stack:
        first, second, third = await asyncio.gather(
            *(stack.enter_async_context(opened(engine.from_url, url)) for _ in range(3))
        )
        await first.put(Bucket.ARCHIVE, "k", b"x")
        await second.ensure()
        assert await third.get(Bucket.ARCHIVE, "k") == b"x"


@pytest.mark.parametrize("engine", CLOUDS)
@pytest.mark.parametrize("times", [1, 1_000])
async def test_an_upload_that_is_cut_is_sent_again_or_leaves_nothing(
    engine: type[CloudStore], times: int
) -> None:
    url, data = new_url(engine), pattern(20_000_000)
    port = port_of(url)
    async with opened(engine.from_url, url) as store, Proxy(port) as proxy:
        behind = engine.from_url(
            url.replace(f":{port}", f":{proxy.port}") + "&timeout_s=2&retries=2"
        )
        proxy.fault = Cut(request_after=3_000_000, times=times)
        async with behind.writer(Bucket.INPUT, "k", if_absent=True) as writer:
            if times == 1:
                await write_all(writer, data)
            else:
                with pytest.raises(EngineUnavailable):
                    await write_all(writer, data)
        await behind.close()
        assert await keys_of(store) == (["k"] if times == 1 else [])
        assert times > 1 or await store.get(Bucket.INPUT, "k") == data
