"""A process that writes parts and is killed while it does.

python multipart_child.py hold FOLDER UPLOAD NUMBER
python multipart_child.py fill FOLDER
python multipart_child.py complete FOLDER MODULE FUNCTION (before | after)
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.model.errors import StorageFull
from mediakiln.model.keys import Bucket
from mediakiln.testing.multipart_tools import KEY, listed_parts, write, written
from mediakiln.testing.object_store_tools import pattern

SIZE = 3_500_000


async def hold(store: LocalObjectStore, upload: str, number: str) -> None:
    """Write the greater part of a part, and wait."""
    offset = (int(number) - 1) * SIZE
    async with store.part_writer(
        Bucket.INPUT, KEY, upload, int(number), offset=offset, size=SIZE
    ) as writer:
        await writer.write(pattern(1_200_000, 98))
        await writer.write(pattern(1_200_000, 99))  # waits until the first piece is in the file
        say("writing")
        await asyncio.to_thread(sys.stdin.readline)


async def complete(store: LocalObjectStore, module: str, name: str, when: str) -> None:
    """Write three parts, tell the token, and die in the midst of making an object of two."""
    upload = await store.begin(Bucket.INPUT, KEY)
    parts = await written(store, upload, [pattern(SIZE, seed) for seed in range(3)])
    say(upload)
    arm(sys.modules[module], name, when)
    await store.complete(Bucket.INPUT, KEY, upload, parts[:2])
    say("survived")


async def fill(store: LocalObjectStore) -> None:
    """Meet a full disk in the midst of a part, then make room by aborting, and go on."""
    upload = await store.begin(Bucket.INPUT, KEY)
    kept = await write(store, upload, 1, pattern(1_000_000))
    for _ in range(2):
        with pytest.raises(StorageFull):
            await write(store, upload, 2, pattern(8_000_000), offset=1_000_000)
        assert await listed_parts(store, upload) == [kept]
    await store.abort(Bucket.INPUT, KEY, upload)
    upload = await store.begin(Bucket.INPUT, KEY)
    parts = await written(store, upload, [pattern(1_000_000, seed) for seed in range(2)])
    await store.complete(Bucket.INPUT, KEY, upload, parts)
    assert await store.get(Bucket.INPUT, KEY) == pattern(1_000_000, 0) + pattern(1_000_000, 1)
    say("recovered")


def arm(place: Any, name: str, when: str) -> None:
    """Make a call of the operating system the last thing this process does."""
    call: Callable[..., Any] = getattr(place, name)

    def deadly(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            call(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(place, name, deadly)


def say(words: str) -> None:
    """Tell the parent."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


async def main(verb: str, root: str, *args: str) -> None:
    """Do what the first argument says, on the store of the second."""
    store = LocalObjectStore(Path(root))
    await store.ensure()
    if verb == "hold":
        await hold(store, *args)
    elif verb == "fill":
        await fill(store)
    else:
        await complete(store, *args)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
