"""A real bucket as a place to import from."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from mediakiln.adapters.fetcher.bucket import BucketPlace
from mediakiln.adapters.object_store.cloud import S3ObjectStore
from mediakiln.model.errors import FetchRefused
from mediakiln.model.keys import Bucket
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3")]
KEYS = [f"in/{number:04d}.txt" for number in range(1200)]


@pytest.fixture
async def bucket() -> AsyncIterator[str]:
    """The address of a bucket with more files than one answer lists."""
    endpoint, name = server("S3", "s3"), f"t-{uuid.uuid4().hex[:12]}"
    store = S3ObjectStore.from_url(f"s3://{name}?endpoint={endpoint}&region=us-east-1")
    await store.ensure()
    for at in range(0, len(KEYS), 50):
        await asyncio.gather(
            *(store.put(Bucket.INPUT, key, key.encode()) for key in KEYS[at : at + 50])
        )
    await store.put(Bucket.INPUT, "other.txt", b"Not below the prefix.")
    yield f"{name}-input?endpoint={endpoint}&region=us-east-1"
    await store.close()


async def test_every_object_below_the_prefix_is_listed_and_read(bucket: str) -> None:
    name, _, options = bucket.partition("?")
    place = BucketPlace.from_url(f"s3://{name}/in?{options}")
    found = [found async for found in place.list("")]
    assert [f"in/{each.key}" for each in found] == KEYS
    rest = [each.key async for each in place.list("", start_after="1100.txt")]
    assert len(rest) == 99
    assert [each.key async for each in place.list("001")] == [f"001{n}.txt" for n in range(10)]
    async with place.open("0007.txt", max_bytes=100) as file:
        assert (file.name, file.size) == ("0007.txt", 11)
        assert b"".join([chunk async for chunk in file.chunks]) == b"in/0007.txt"


async def test_a_missing_object_and_wrong_credentials_are_refused(bucket: str) -> None:
    with pytest.raises(FetchRefused):
        async with BucketPlace.from_url(f"s3://{bucket}").open("none.txt", max_bytes=1):
            pass
    with pytest.raises(FetchRefused):
        [found async for found in BucketPlace.from_url(f"s3://WRONG:wrong@{bucket}").list("")]
