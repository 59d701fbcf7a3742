"""Images on their way to the store: asked for again, they are neither missing nor made anew."""

import asyncio
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.keys import DERIVED_PREFIX, Bucket
from mediakiln.model.transform import Transform
from mediakiln.ports.object_store import ObjectInfo
from mediakiln.stages.derive import Derive, Source, making
from support import media
from support.images import Painter, a_derive
from support.waiting import eventually
from support.world import NoRunner, World

SMALL = Transform(steps=({"op": "image.resize", "width": 10},))


class SlowStore(MemoryObjectStore):
    """It takes its time with images."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.asked = 0

    async def put(
        self, bucket: Bucket, key: str, data: bytes, *, if_absent: bool = False
    ) -> ObjectInfo:
        await self._turn(key)
        return await super().put(bucket, key, data, if_absent=if_absent)

    async def put_file(
        self,
        bucket: Bucket,
        key: str,
        path: Path,
        *,
        if_absent: bool = False,
        checksum: str | None = None,
    ) -> ObjectInfo:
        await self._turn(key)
        return await super().put_file(bucket, key, path, if_absent=if_absent, checksum=checksum)

    async def _turn(self, key: str) -> None:
        if key.startswith(DERIVED_PREFIX):
            self.asked += 1
            await self.go.wait()


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
async def world(tmp_path: Path, store: SlowStore) -> World:
    made = World(tmp=tmp_path, runner=NoRunner(), store=store)  # type: ignore[arg-type]
    await made.start()
    return made


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
def derive(world: World, painter: Painter) -> Derive:
    return a_derive(world, painter)


async def test_a_small_image_is_given_before_the_store_has_it(
    world: World, store: SlowStore, derive: Derive, painter: Painter
) -> None:
    source = Source.of(await world.upload(media.jpeg()))
    first = await derive.get(source, SMALL)
    await eventually(lambda: store.asked == 1)
    again = await derive.get(source, SMALL)
    assert again.data == first.data is not None
    store.go.set()
    await derive.close()
    assert (await derive.get(source, SMALL)).data is None, "the store gives it now"
    assert len(painter.tasks) == 1
    await derive.close()


async def test_a_large_image_is_given_when_the_store_has_it(
    world: World,
    store: SlowStore,
    derive: Derive,
    painter: Painter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(making, "SMALL", 0)
    source = Source.of(await world.upload(media.jpeg()))
    first = asyncio.create_task(derive.get(source, SMALL))
    await eventually(lambda: store.asked == 1)
    second = asyncio.create_task(derive.get(source, SMALL))
    done, _ = await asyncio.wait({second}, timeout=0.05)
    assert not done
    store.go.set()
    item = (await second).item
    assert item == (await first).item
    assert await store.get(item.bucket, item.key)
    assert len(painter.tasks) == 1
    await derive.close()
