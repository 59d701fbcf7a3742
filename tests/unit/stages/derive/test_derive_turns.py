"""The shelf is swept before it has grown far beyond its bound, and by one process at a time."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.errors import EngineUnavailable, VersionConflict
from mediakiln.model.keys import DERIVED_PREFIX, Bucket
from mediakiln.model.transform import Transform
from mediakiln.operations.image.edit.transform import transform
from mediakiln.stages.derive import Planner, Shelf, ShelfSweep, Source, Turns
from mediakiln.stages.derive.turns import SPACE
from support.world import NoRunner, World

SIZE = 1000
BOUND = 100 * SIZE


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await made.start()
    return made


class Replica:
    """One process's shelf, and its part in sweeping it."""

    def __init__(self, world: World) -> None:
        catalog, clock = world.catalog, world.clock
        self.turns = Turns(catalog, max_bytes=BOUND, clock=clock)
        self.shelf = Shelf(catalog, world.store, wrote=self.turns.wrote, clock=clock)
        self.sweep = ShelfSweep(
            catalog, world.store, max_bytes=BOUND, max_age=timedelta(days=30), clock=clock
        )

    async def put(self, number: int) -> None:
        source = Source(project="default", id="asset", identity=str(number))
        plan = Planner(transform, formats=())(source, Transform(), "")
        kept = self.shelf.expect(
            plan, media_type="image/webp", size=SIZE, checksum=f"blake3:{number}", facts={}
        )
        await self.shelf.put(plan, kept, bytes(SIZE))


async def kept_bytes(world: World) -> int:
    below = world.store.list(Bucket.PRODUCTION, DERIVED_PREFIX)
    return sum([item.size async for item in below])


async def test_a_steady_flood_stays_close_to_the_bound_and_makes_no_storm_of_sweeps(
    world: World,
) -> None:
    replicas = [Replica(world) for _ in range(4)]
    most = sweeps = 0
    for number in range(600):
        await replicas[number % 4].put(number)
        most = max(most, await kept_bytes(world))
        if number % 5 == 4:  # every replica looks, at one moment
            removed = await asyncio.gather(*(each.sweep.in_turn() for each in replicas))
            assert sum(count > 0 for count in removed) <= 1
            sweeps += sum(count > 0 for count in removed)
    assert most <= 1.25 * BOUND
    assert sweeps <= 600 / 10
    assert await kept_bytes(world) >= 0.85 * BOUND


async def test_one_process_in_ten_minutes_sweeps_though_little_was_written(world: World) -> None:
    one, other = Replica(world), Replica(world)
    await one.put(0)
    first = await other.turns.take()
    assert first is not None, "nobody has ever"
    assert await one.turns.take() is None, "another does it"
    await other.turns.end(first, well=True)
    world.clock.forward(minutes=9)
    assert await one.turns.take() is None
    world.clock.forward(minutes=2)
    assert await one.turns.take() is not None


async def test_who_dies_while_sweeping_is_followed_by_another(world: World) -> None:
    one, other = Replica(world), Replica(world)
    assert await one.turns.take() is not None
    world.clock.forward(minutes=11)
    assert await other.turns.take() is not None


async def test_a_sweep_that_fails_is_tried_again_after_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = Replica(world)
    await replica.put(0)
    world.clock.forward(days=31)

    async def failing(*_: Any) -> None:
        raise EngineUnavailable("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "delete", failing)
        with pytest.raises(EngineUnavailable):
            await replica.sweep.in_turn()
        assert await replica.sweep.in_turn() == 0, "not at once"
    world.clock.forward(minutes=1)
    await replica.sweep.in_turn()
    assert await kept_bytes(world) == 0


async def test_what_was_written_is_told_though_the_catalog_was_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = Replica(world)

    errors = [EngineUnavailable("away"), *[VersionConflict("another was first")] * 20]

    async def failing(*_: Any, **__: Any) -> int:
        raise errors.pop(0)

    with monkeypatch.context() as patch:
        patch.setattr(replica.turns._records, "put", failing)
        await replica.turns.wrote(2 * SIZE)
        await replica.turns.wrote(2 * SIZE)
    await replica.turns.wrote(SIZE)
    record = await world.catalog.records(SPACE).get("shelf")
    assert record is not None
    assert record.value["written"] == 5 * SIZE


async def test_little_is_not_told_at_every_write(world: World) -> None:
    turns = Turns(world.catalog, max_bytes=1000 * SIZE, clock=world.clock)
    for _ in range(25):
        await turns.wrote(SIZE)
    record = await world.catalog.records(SPACE).get("shelf")
    assert record is not None
    assert (record.version, record.value["written"]) == (2, 20 * SIZE)
