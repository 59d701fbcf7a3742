"""What the shelf leaves free."""

from pathlib import Path

import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.errors import StorageFull
from mediakiln.model.keys import DERIVED_PREFIX, Bucket
from mediakiln.model.transform import Transform
from mediakiln.operations.image.edit.transform import transform
from mediakiln.stages.derive import Planner, Shelf, Source
from support.world import NoRunner, World


class Disk(MemoryObjectStore):
    """A store that says how much is left."""

    free = 2000

    async def free_bytes(self) -> int:
        return self.free


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
async def test_images_leave_the_reserve_to_uploads(tmp_path: Path, size: int, fits: bool) -> None:
    world = World(tmp=tmp_path, runner=NoRunner(), store=Disk())  # type: ignore[arg-type]
    await world.start()
    source = Source(project="default", id="asset", identity="x")
    plan = Planner(transform, formats=())(source, Transform(), "")
    shelf = Shelf(world.catalog, world.store, reserve_bytes=1000, clock=world.clock)
    kept = shelf.expect(plan, media_type="image/webp", size=size, checksum="blake3:1", facts={})
    if fits:
        await shelf.put(plan, kept, bytes(size))
    else:
        with pytest.raises(StorageFull) as refused:
            await shelf.put(plan, kept, bytes(size))
        assert (refused.value.context["limit"], refused.value.context["value"]) == (1000, 2000)
    assert (await shelf.find(plan) is not None) is fits
    objects = [item.key async for item in world.store.list(Bucket.PRODUCTION, DERIVED_PREFIX)]
    assert bool(objects) is fits
