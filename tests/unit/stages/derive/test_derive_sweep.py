"""The shelf stays within its bounds."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.keys import DERIVED_PREFIX, Bucket
from mediakiln.model.transform import Transform
from mediakiln.operations.image.edit.transform import transform
from mediakiln.stages.derive import Planner, Shelf, ShelfSweep, Source
from mediakiln.stages.derive.plan import Plan
from support.world import NoRunner, World

SIZE = 1000


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await made.start()
    return made


def a_plan(number: int) -> Plan:
    source = Source(project="default", id="asset", identity=str(number))
    return Planner(transform, formats=())(source, Transform(), "")


async def put(world: World, *numbers: int) -> None:
    shelf = Shelf(world.catalog, world.store, clock=world.clock)
    for number in numbers:
        plan = a_plan(number)
        kept = shelf.expect(
            plan, media_type="image/webp", size=SIZE, checksum=f"blake3:{number}", facts={}
        )
        await shelf.put(plan, kept, bytes(SIZE))


def a_sweep(world: World, *, max_bytes: int = 10**9, days: float = 30) -> ShelfSweep:
    return ShelfSweep(
        world.catalog,
        world.store,
        max_bytes=max_bytes,
        max_age=timedelta(days=days),
        clock=world.clock,
    )


async def left(world: World, among: int) -> list[int]:
    """Which images are there, with bytes and record; both or neither."""
    objects = {item.key async for item in world.store.list(Bucket.PRODUCTION, DERIVED_PREFIX)}
    shelf = Shelf(world.catalog, world.store, clock=world.clock)
    plans = {number: a_plan(number) for number in range(among)}
    records = {n for n, plan in plans.items() if await shelf.find(plan) is not None}
    await shelf.close()
    assert {n for n, plan in plans.items() if plan.object in objects} == records
    return sorted(records)


async def test_what_nobody_used_for_long_goes(world: World) -> None:
    await put(world, 0, 1)
    world.clock.forward(days=20)
    assert await left(world, 1) == [0]  # a use, which is written down
    await put(world, 2)
    world.clock.forward(days=15)
    assert await a_sweep(world)() == 1
    assert await left(world, 3) == [0, 2]


async def test_a_use_is_written_down_coarsely(world: World) -> None:
    await put(world, 0)
    shelf = Shelf(world.catalog, world.store, clock=world.clock)
    for _ in range(5):
        world.clock.forward(hours=1)
        await shelf.find(a_plan(0))
    await shelf.close()
    record = await world.catalog.records("derived").get(a_plan(0).record)
    assert record is not None
    assert record.version == 1
    world.clock.forward(hours=8)
    await shelf.find(a_plan(0))
    await shelf.close()
    record = await world.catalog.records("derived").get(a_plan(0).record)
    assert record is not None
    assert record.version == 2


async def test_the_least_recently_used_make_room_by_bytes(world: World) -> None:
    for number in range(10):
        await put(world, number)
        world.clock.forward(hours=2)
    assert await a_sweep(world, max_bytes=10 * SIZE)() == 0
    # Room is made until a tenth of it is free.
    assert await a_sweep(world, max_bytes=5 * SIZE)() == 6
    assert await left(world, 10) == [6, 7, 8, 9]


async def test_room_is_made_even_where_all_was_used_in_one_hour(world: World) -> None:
    await put(world, *range(10))
    assert await a_sweep(world, max_bytes=5 * SIZE)() == 6
    assert len(await left(world, 10)) == 4


async def test_objects_without_a_record_are_found_by_and_by(world: World) -> None:
    await put(world, 0, 1)
    await world.catalog.records("derived").delete(a_plan(1).record)
    assert await a_sweep(world)() == 0  # its maker may be about to write the record
    world.clock.forward(hours=2)
    assert await a_sweep(world)() == 1
    assert await left(world, 2) == [0]


async def test_what_is_used_while_the_sweep_goes_on_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(world, 0, 1)
    world.clock.forward(days=31)
    sweep = a_sweep(world)
    listed = sweep._records.list

    async def listing(*args: Any, **options: Any) -> Any:
        found = await listed(*args, **options)
        for record in found[0]:
            if record.key == a_plan(0).record:
                used = {**record.value, "used_at": world.clock().isoformat()}
                await sweep._records.put(record.key, used, expected=record.version)
        return found

    monkeypatch.setattr(sweep._records, "list", listing)
    assert await sweep() == 1
    monkeypatch.undo()
    assert await left(world, 2) == [0]
