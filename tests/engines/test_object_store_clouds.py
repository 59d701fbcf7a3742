"""What Google and Azure do their own way; and what every cloud's URL says."""

import time
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

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("clouds")]


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
