"""What the local object store's fault tests run in processes of their own.

python object_store_child.py (hold | write | fill) FOLDER
"""

import asyncio
import errno
import sys
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.model.errors import StorageFull
from mediakiln.model.keys import Bucket
from mediakiln.testing.object_store_tools import keys_of, pattern


async def hold(store: LocalObjectStore) -> None:
    """Stop in the middle of an object until told to go on."""
    async with store.writer(Bucket.INPUT, "held/object") as writer:
        await writer.write(pattern(3_000_000))
        await writer.write(pattern(3_000_000, 1))
        _say("writing")
        await asyncio.to_thread(sys.stdin.readline)
        await writer.commit()


async def write(store: LocalObjectStore) -> None:
    """Write for ever, saying which objects were acknowledged; ends by being killed."""

    async def writer(name: int) -> None:
        for turn in range(1_000_000):
            size = (10, 40_000, 2_500_000)[turn % 3]
            key = f"{name}/{turn}/object"
            async with store.writer(Bucket.INPUT, key, if_absent=turn % 2 == 0) as draft:
                await draft.write(pattern(size, turn))
                await draft.commit()
            _say(key)

    await asyncio.gather(*(writer(name) for name in range(4)))


async def fill(store: LocalObjectStore, folder: Path) -> None:
    """Meet a full disk in every way of writing, then make room and go on."""
    await store.put(Bucket.INPUT, "kept/object", pattern(5000))
    ballast = folder.parent / "ballast"
    _stuff(ballast)
    source = Path(sys.argv[3])
    for attempt in (_streamed(store), _put(store), store.put_file(Bucket.INPUT, "full/f", source)):
        with pytest.raises(StorageFull) as caught:
            await attempt
        assert caught.value.context["hint"]
    target = folder.parent / "target"
    with pytest.raises(StorageFull):
        await store.download(Bucket.INPUT, "kept/object", target)
    assert not target.exists()
    await store.ensure()
    drafts = [path for path in (folder / ".incoming").rglob("*") if path.is_file()]
    assert [path.name for path in drafts] == ["lock"], drafts
    assert await keys_of(store) == ["kept/object"]
    assert await store.get(Bucket.INPUT, "kept/object") == pattern(5000)
    ballast.unlink()
    await store.put(Bucket.INPUT, "after/object", pattern(300_000))
    assert await store.get(Bucket.INPUT, "after/object") == pattern(300_000)
    _say("recovered")


async def _streamed(store: LocalObjectStore) -> None:
    async with store.writer(Bucket.INPUT, "full/stream") as writer:
        for turn in range(8):
            await writer.write(pattern(1_000_000, turn))
        await writer.commit()


async def _put(store: LocalObjectStore) -> None:
    await store.put(Bucket.INPUT, "full/put", pattern(300_000))


def _stuff(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> None:
    folder = Path(sys.argv[2])
    store = LocalObjectStore(folder)
    await store.ensure()
    match sys.argv[1]:
        case "hold":
            await hold(store)
        case "write":
            await write(store)
        case "fill":
            await fill(store, folder)
    await store.close()
    _say("closed")


asyncio.run(main())
