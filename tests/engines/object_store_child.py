"""What the cloud object stores' fault tests run in processes of their own.

python object_store_child.py (upload | measure) URL
"""

import asyncio
import sys
from pathlib import Path

from mediakiln.adapters.object_store import cloud
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectStore
from mediakiln.testing.object_store_tools import pattern

_CLASSES = {"s3": "S3ObjectStore", "gs": "GcsObjectStore", "az": "AzureObjectStore"}
_LARGE = 512 << 20


async def upload(store: ObjectStore) -> None:
    """Write one object for ever; ends by being killed."""
    async with store.writer(Bucket.INPUT, "long/object") as writer:
        for turn in range(1_000_000):
            await writer.write(pattern(1_000_000, turn % 5))
            if turn == 20:
                print("uploading", flush=True)
            await asyncio.sleep(0.001)


async def measure(store: ObjectStore) -> None:
    """Write a large object, and say by how many bytes this process grew at most."""
    chunk = pattern(1 << 20)
    await store.ensure()
    await store.put(Bucket.INPUT, "warm/up", chunk)
    before = _peak()
    async with store.writer(Bucket.INPUT, "large/object", if_absent=True) as writer:
        for _ in range(_LARGE // len(chunk)):
            await writer.write(chunk)
        await writer.commit()
    print(_peak() - before, flush=True)


def _peak() -> int:
    """The most memory this process ever had, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


async def main() -> None:
    task, url = sys.argv[1:]
    store = getattr(cloud, _CLASSES[url.partition(":")[0]]).from_url(url)
    try:
        await (upload if task == "upload" else measure)(store)
    finally:
        await store.close()


asyncio.run(main())
