"""The join completes a run exactly once, whatever the order of its messages."""

import itertools
import random
from typing import Any

import pytest

from mediakiln.model.asset import Asset, Problem
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.messages import Completed, Finished, Message, StepOutcome, Stored
from support.world import World

TWO = {"steps": {"one": {"op": "mock.copy"}, "two": {"op": "mock.copy", "times": 2}}}


async def _run_to_join(world: World, recipe: Any = TWO) -> tuple[Asset, list[Message]]:
    """An asset whose worker is through, and the messages the join has not seen."""
    asset = await world.upload(recipe=recipe)
    for (topic, group), handler in world.handlers.items():
        if group != "join":
            for message in await world.messages(topic, group):
                await handler(message)
    stored = await world.messages("stored", "join")
    finished = await world.messages("finished", "join")
    return asset, stored + finished


async def _feed(world: World, message: Message) -> None:
    is_stored = b'"mediakiln.stored"' in message.body
    await (world.join.stored(message) if is_stored else world.join.finished(message))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_every_order_of_stored_and_finished_completes_the_run_once(
    world: World, order: tuple[int, ...]
) -> None:
    asset, messages = await _run_to_join(world)
    assert len(messages) == 3
    for count, index in enumerate(order):
        state = (await world.asset(asset.id)).state
        assert state is AssetState.PROCESSING, f"complete after {count} of 3"
        await _feed(world, messages[index])
    after = await world.asset(asset.id)
    assert after.state is AssetState.READY
    assert set(after.published) == {"one", "two"}
    assert {step.state for step in after.steps.values()} == {StepState.DONE}
    assert len(await world.messages("completed", "notify")) == 1


async def test_messages_seen_again_change_nothing(world: World) -> None:
    asset, messages = await _run_to_join(world)
    for message in messages * 2:
        await _feed(world, message)
    settled = await world.asset(asset.id)
    for message in messages:
        await _feed(world, message)
    assert await world.asset(asset.id) == settled
    assert len(await world.messages("completed", "notify")) == 1


async def test_messages_of_another_run_are_ignored(world: World) -> None:
    asset, messages = await _run_to_join(world)
    again = await world.manage.process_again(asset.id, None)
    assert again.run == 2
    for message in messages:
        await _feed(world, message)
    after = await world.asset(asset.id)
    assert after.state is AssetState.RECEIVED
    assert after.arrived == {}


async def test_a_failed_step_fails_the_asset_and_keeps_the_other_products(world: World) -> None:
    recipe = {
        "steps": {
            "good": {"op": "mock.copy"},
            "bad": {"op": "mock.bad_media", "message": "torn"},
            "after": {"op": "mock.copy", "from": "bad"},
        }
    }
    asset, messages = await _run_to_join(world, recipe)
    for message in messages:
        await _feed(world, message)
    after = await world.asset(asset.id)
    assert after.state is AssetState.FAILED
    assert after.error == Problem(code="bad_media", message="torn", step="bad")
    assert list(after.published) == ["good"]
    assert after.steps["after"].state is StepState.SKIPPED


async def test_a_digest_that_does_not_match_does_not_complete_the_run(world: World) -> None:
    asset, messages = await _run_to_join(world, {"steps": {"one": {"op": "mock.copy"}}})
    stored = Stored.of(messages[0])
    forged = stored.model_copy(
        update={"products": stored.products.model_copy(update={"digest": "0" * 64})}
    )
    await world.join.stored(forged.to_message())
    await _feed(world, messages[1])
    assert (await world.asset(asset.id)).state is AssetState.PROCESSING


async def test_the_first_finished_decides(world: World) -> None:
    asset, messages = await _run_to_join(world, {"steps": {"one": {"op": "mock.copy"}}})
    await _feed(world, messages[1])
    other = Finished(
        asset=asset.id,
        attempt=2,
        steps={"one": StepOutcome(state=StepState.FAILED, error=Problem(code="x", message="y"))},
        seconds=1,
    )
    await world.join.finished(other.to_message())
    await _feed(world, messages[0])
    assert (await world.asset(asset.id)).state is AssetState.READY


@pytest.mark.parametrize("seed", range(6))
async def test_chaos_of_order_and_repetition_ends_every_asset_once(world: World, seed: int) -> None:
    chaos = random.Random(seed)  # noqa: S311 - a test's dice
    recipes = [
        TWO,
        {"steps": {"a": {"op": "mock.copy"}, "b": {"op": "mock.copy", "from": "a"}}},
        {"steps": {"bad": {"op": "mock.bad_media", "message": "no"}}},
    ]
    assets = [
        await world.upload(f"text {number}\n".encode(), recipe=recipes[number % 3])
        for number in range(6)
    ]
    await world.pump(chaos=chaos)
    ended = [Completed.of(message) for message in await world.messages("completed", "notify")]
    assert sorted(event.asset for event in ended) == sorted(asset.id for asset in assets)
    for number, asset in enumerate(assets):
        after = await world.asset(asset.id)
        wanted = AssetState.FAILED if number % 3 == 2 else AssetState.READY
        assert after.state is wanted
