"""Records change by compare-and-set; events leave with them or are relayed."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineUnavailable, NotFound
from mediakiln.model.ids import new_id
from mediakiln.model.kind import AssetState
from mediakiln.model.messages import Changed, Completed, Message, Received
from mediakiln.model.topology import CHANGES, topology
from mediakiln.ports.catalog import Outgoing
from mediakiln.stages.ledger import Change, Ledger
from mediakiln.stages.relay import Relay
from support.world import World


def _tagged(tag: str) -> Callable[[Asset], Change]:
    def apply(asset: Asset) -> Change:
        return Change(asset.model_copy(update={"tags": (*asset.tags, tag)}))

    return apply


async def test_concurrent_changes_are_all_kept(world: World) -> None:
    asset = await world.upload()
    await asyncio.gather(
        *(world.ledger.change(asset.id, _tagged(str(number))) for number in range(20))
    )
    after = await world.asset(asset.id)
    assert sorted(after.tags, key=int) == [str(number) for number in range(20)]
    assert after.version == 21


async def test_a_stale_known_record_costs_a_conflict_and_no_update(world: World) -> None:
    stale = await world.upload()
    await world.ledger.change(stale.id, _tagged("first"))
    await world.ledger.change(stale.id, _tagged("second"), known=stale)
    assert (await world.asset(stale.id)).tags == ("first", "second")


async def test_sent_events_leave_the_outbox(world: World) -> None:
    asset = await world.upload()
    await world.ledger.drain()
    world.clock.forward(hours=1)
    assert await world.catalog.outbox(before=world.clock()) == []
    event = Received(asset=asset.id)
    await world.ledger.change(asset.id, lambda found: Change(found, [event]))
    assert len(await world.messages("received", "classify")) == 2


async def test_a_missing_record_is_an_error(world: World) -> None:
    with pytest.raises(NotFound):
        await world.ledger.change(new_id(), _tagged("x"))


async def test_changes_are_announced_to_their_readers_in_the_order_of_versions(
    world: World,
) -> None:
    await world.broker.ensure(topology(["statistics"]))
    ledger = Ledger(world.catalog, world.broker, announce=True)
    asset = await world.upload()
    for tag in "abc":
        await ledger.change(asset.id, _tagged(tag))
    found = await world.broker.receive(CHANGES, "statistics", limit=10, wait=0, lease=5)
    assert [Changed.of(each.message).version for each in found] == [2, 3, 4]


async def test_without_a_reader_no_change_is_announced(world: World) -> None:
    await world.broker.ensure(topology(["statistics"]))
    asset = await world.upload()
    await world.ledger.change(asset.id, _tagged("a"))
    assert not await world.broker.receive(CHANGES, "statistics", limit=10, wait=0, lease=5)


async def test_a_topic_that_takes_nothing_does_not_hold_back_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await world.upload()
    events = [Received(asset=asset.id), Completed(asset=asset.id, state=AssetState.READY)]
    publish = world.broker.publish

    async def refusing(topic: str, messages: Sequence[Message], **options: Any) -> None:
        if topic == "received":
            raise EngineUnavailable("this topic is out")
        await publish(topic, messages, **options)

    await world.ledger.drain()
    with monkeypatch.context() as patch:
        patch.setattr(world.broker, "publish", refusing)
        await world.ledger.change(asset.id, lambda found: Change(found, events))
        world.clock.forward(hours=1)
        with pytest.raises(EngineUnavailable):
            await world.relay.sweep()
    assert len(await world.messages("completed", "notify")) == 1
    assert await world.relay.sweep() == 1


async def test_captured_changes_are_written_and_marked_and_never_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.broker.ensure(topology(["statistics"]))
    ledger = Ledger(world.catalog, world.broker, announce=True, captured=[CHANGES])
    asset = await world.upload()
    written: list[str] = []
    update = world.catalog.update

    async def noting(asset: Asset, *, expected: int, events: Sequence[Outgoing] = ()) -> Asset:
        written.extend(event.topic for event in events)
        return await update(asset, expected=expected, events=events)

    monkeypatch.setattr(world.catalog, "update", noting)
    await ledger.change(asset.id, _tagged("a"))
    await ledger.drain()
    monkeypatch.setattr(world.catalog, "sent", _forgetting)
    await ledger.change(asset.id, _tagged("b"))
    await ledger.drain()
    monkeypatch.undo()
    assert written == [CHANGES, CHANGES]
    world.clock.forward(hours=1)
    relay = Relay(world.catalog, world.broker, captured=[CHANGES], clock=world.clock)
    assert await relay.sweep() == 1
    assert await relay.sweep() == 0
    assert not await world.broker.receive(CHANGES, "statistics", limit=10, wait=0, lease=5)


async def _forgetting(_: object) -> None:
    """As if the writer had died before it marked its events."""
