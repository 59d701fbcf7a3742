"""Whoever hears that a run has ended can have its products at once."""

import pytest

from mediakiln.model.errors import NotFound
from mediakiln.stages.deliver import Deliver
from support.world import World

STEP = {"steps": {"one": {"op": "mock.copy"}}}
TWICE = {"steps": {"one": {"op": "mock.copy", "times": 2}}}


async def test_a_record_read_while_its_run_goes_on_is_not_served_from_memory(world: World) -> None:
    deliver = Deliver(world.catalog, world.store, fresh_s=3600)
    asset = await world.upload(recipe=STEP)
    with pytest.raises(NotFound):
        await deliver.product(asset.id, "one")
    await world.pump()
    assert (await deliver.product(asset.id, "one")).size == asset.bytes


async def test_a_new_run_seen_once_ends_what_memory_says_of_the_old(world: World) -> None:
    deliver = Deliver(world.catalog, world.store, fresh_s=3600)
    asset = await world.upload(recipe=STEP)
    await world.pump()
    old = await deliver.product(asset.id, "one")
    await world.manage.process_again(asset.id, world.recipes.resolve(TWICE))
    await deliver.asset(asset.id)
    await world.pump()
    assert (await deliver.product(asset.id, "one")).key != old.key


async def test_an_ended_run_costs_no_further_read_for_a_moment(world: World) -> None:
    deliver = Deliver(world.catalog, world.store, fresh_s=3600)
    asset = await world.upload(recipe=STEP)
    await world.pump()
    first = await deliver.asset(asset.id, fresh=False)
    await world.manage.delete(asset.id)
    assert await deliver.asset(asset.id, fresh=False) is first
