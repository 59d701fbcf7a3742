"""Uploads of parts on S3 behind a network that fails."""

import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from mediakiln.adapters.object_store.cloud import S3ObjectStore
from mediakiln.model.errors import EngineUnavailable
from mediakiln.model.keys import Bucket
from mediakiln.testing.multipart_tools import KEY, begun, cut, listed_parts, write, written
from mediakiln.testing.object_store_tools import keys_of, pattern
from support.proxy import Answer, Cut, Fault, Proxy, Stall
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3")]

SIZE = 6_000_000


@pytest.fixture
def name() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def direct(name: str) -> AsyncIterator[S3ObjectStore]:
    """The same objects without the proxy."""
    store = S3ObjectStore.from_url(f"s3://{name}?endpoint={server('S3', 's3')}")
    await store.ensure()
    yield store
    await store.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    port = urlsplit(server("S3", "s3")).port
    assert port
    async with Proxy(port) as proxy:
        yield proxy


@pytest.fixture
async def store(name: str, proxy: Proxy, direct: S3ObjectStore) -> AsyncIterator[S3ObjectStore]:
    del direct  # which made the buckets
    url = f"s3://{name}?endpoint=http://127.0.0.1:{proxy.port}&timeout_s=1&retries=3"
    store = S3ObjectStore.from_url(url)
    yield store
    await store.close()


@pytest.mark.parametrize(
    "fault",
    [
        Cut(request_after=0, only=b"partNumber="),
        Cut(request_after=2_000_000, only=b"partNumber="),
        Cut(request_after=SIZE - 10, only=b"partNumber="),
        Stall(only=b"partNumber="),
        Answer(only=b"partNumber="),
    ],
)
async def test_a_part_that_does_not_get_through_is_none_and_is_sent_again(
    store: S3ObjectStore, direct: S3ObjectStore, proxy: Proxy, fault: Fault
) -> None:
    upload = await begun(direct)
    first = await write(direct, upload, 1, pattern(SIZE, 1))
    proxy.fault = fault
    with pytest.raises(EngineUnavailable):
        await write(store, upload, 2, pattern(SIZE, 2))
    assert await listed_parts(direct, upload) == [first]
    proxy.fault = None
    second = await write(store, upload, 2, pattern(SIZE, 2))
    await store.complete(Bucket.INPUT, KEY, upload, [first, second])
    assert await direct.get(Bucket.INPUT, KEY) == pattern(SIZE, 1) + pattern(SIZE, 2)


@pytest.mark.parametrize("times", [1, 2])
async def test_a_completion_whose_answer_was_lost_is_known_to_have_happened(
    store: S3ObjectStore, direct: S3ObjectStore, proxy: Proxy, times: int
) -> None:
    upload = await begun(direct)
    pieces = cut(direct, 3)
    made = await written(direct, upload, pieces)
    proxy.fault = Cut(answer_after=0, only=b"<CompleteMultipartUpload", times=times)
    info = await store.complete(Bucket.INPUT, KEY, upload, made)
    assert proxy.fault.hits
    assert await direct.head(Bucket.INPUT, KEY) == info
    assert await direct.get(Bucket.INPUT, KEY) == b"".join(pieces)
    assert await keys_of(direct) == [KEY]
