"""What the object store contract's tests share."""

import hashlib
from collections.abc import Iterator

import pytest

from mediakiln.model.errors import ObjectMissing
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectInfo, ObjectStore

ODD_KEYS = (
    " leading and trailing ",
    "a b/c  d",
    "percent/100%/%2e%2e/%00",
    "plus+and&and=and?and#",
    "back\\slash",
    "...",
    "..a/.b",
    "-rf",
    "*?[x]|;$(x)`'\"",
    "日本語/ключ/é/e\u0301",
    "rtl/\u202egpj.exe",
    "emoji/\U0001f525",
    "lock",
    ".incoming/x",
    "ÿ" * 100 + "/" + "n" * 200,
    "/".join("d" * 100 for _ in range(10)),
)
"""Keys that are allowed, though a careless engine stumbles over them."""

BAD_KEYS = (
    "",
    "/",
    "/absolute",
    "a/",
    "a//b",
    ".",
    "..",
    "../x",
    "a/../../x",
    "a/./b",
    "a/..",
    "nul\0",
    "line\nbreak",
    "\ud800",
    "p" * 256,
    "é" * 128,
    "/".join("d" * 200 for _ in range(6)),
)
"""Keys that no engine takes."""


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes that differ from place to place and from seed to seed."""
    return hashlib.shake_128(f"{seed}".encode()).digest(size)


async def read_all(
    store: ObjectStore, key: str, *, start: int = 0, end: int | None = None
) -> bytes:
    """What a stream of an input object gives, joined."""
    chunks = [chunk async for chunk in store.stream(Bucket.INPUT, key, start=start, end=end)]
    assert all(chunks)
    return b"".join(chunks)


async def listed(
    store: ObjectStore, prefix: str = "", *, start_after: str = "", bucket: Bucket = Bucket.INPUT
) -> list[ObjectInfo]:
    """A listing as a list."""
    return [info async for info in store.list(bucket, prefix, start_after=start_after)]


async def keys_of(
    store: ObjectStore, prefix: str = "", *, start_after: str = "", bucket: Bucket = Bucket.INPUT
) -> list[str]:
    """A listing's keys."""
    return [i.key for i in await listed(store, prefix, start_after=start_after, bucket=bucket)]


async def assert_absent(store: ObjectStore, key: str, bucket: Bucket = Bucket.INPUT) -> None:
    """There is no such object, whichever way one asks."""
    assert await store.head(bucket, key) is None
    assert key not in await keys_of(store, bucket=bucket)
    with pytest.raises(ObjectMissing):
        await store.get(bucket, key)
    with pytest.raises(ObjectMissing):
        await anext(aiter(store.stream(bucket, key)))


def odd_cuts(data: bytes) -> Iterator[memoryview]:
    """The data in chunks of sizes from 1 byte to 3 MB that fit no block."""
    sizes = (1, 7, 65_536, 100_003, 1_048_577, 3_000_001, 0, 4_095)
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        yield memoryview(data)[position : position + size]
        position += size
        turn += 1
