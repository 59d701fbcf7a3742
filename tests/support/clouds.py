"""Cloud stores on what stands in for them here, each in buckets of its own."""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

from mediakiln.adapters.object_store.cloud import AzureObjectStore, GcsObjectStore, S3ObjectStore
from mediakiln.adapters.object_store.cloud.store import CloudObjectStore
from mediakiln.ports.object_store import Writer
from support.deployments import azure, gcs, s3

CloudStore = AzureObjectStore | GcsObjectStore | S3ObjectStore
Store = TypeVar("Store", bound=CloudObjectStore)

_URLS: Mapping[type[CloudStore], Callable[[str], str]] = {
    AzureObjectStore: azure,
    GcsObjectStore: gcs,
    S3ObjectStore: s3,
}


def new_url(engine: type[CloudStore]) -> str:
    """An address whose buckets nobody has made yet; skips where the server is not there."""
    return _URLS[engine](f"t-{uuid.uuid4().hex[:12]}")


def port_of(url: str) -> int:
    """Where the server of such an address listens."""
    port = urlsplit(url.partition("endpoint=")[2].partition("&")[0]).port
    assert port
    return port


@asynccontextmanager
async def opened(make: Callable[[str], Store], url: str) -> AsyncIterator[Store]:
    """A store, given its `from_url`, whose buckets are there."""
    store = make(url)
    try:
        await store.ensure()
        yield store
    finally:
        await store.close()


async def write_all(writer: Writer, data: bytes) -> None:
    """Write an object's bytes, and commit them."""
    await writer.write(data)
    await writer.commit()
