"""The part of the catalog contract that is about events kept with records, and about due times."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mediakiln.model.errors import InvalidRequest, LimitExceeded
from mediakiln.model.ids import new_id
from mediakiln.model.messages import Message
from mediakiln.ports.catalog import Catalog, Outgoing
from mediakiln.testing.catalog_samples import (
    SOON,
    all_due,
    all_pending,
    an_asset,
    an_event,
    changed,
)


class OutboxTests:
    """An event is kept if, and only if, its write succeeded."""

    async def test_an_event_is_kept_with_all_that_publishing_it_needs(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        start = datetime.now(UTC)
        asset = an_asset(project="prøject")
        body = bytes(range(256)) * 256
        message = Message(id=new_id(), key="another key", project="prøject", body=body)
        await catalog.create(asset, [Outgoing("jobs.image", message, 12.5)])
        (pending,) = await all_pending(second)
        assert (pending.asset, pending.topic, pending.delay) == (asset.id, "jobs.image", 12.5)
        assert pending.message == message
        slack = timedelta(seconds=5)
        assert start - slack <= pending.created_at <= datetime.now(UTC) + slack
        assert pending.created_at.utcoffset() == timedelta(0)

    async def test_events_of_an_asset_come_in_the_order_of_its_writes(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        assets = [await catalog.create(an_asset()) for _ in range(8)]
        written: dict[str, list[str]] = {asset.id: [] for asset in assets}
        for version in range(1, 6):
            for asset, engine in zip(assets, [catalog, second] * 4, strict=True):
                events = [an_event(asset, topic=f"t{n}") for n in range(3)]
                await engine.update(changed(asset), expected=version, events=events)
                written[asset.id] += [event.message.id for event in events]
        kept = await all_pending(catalog)
        for asset in assets:
            of_asset = [pending.message.id for pending in kept if pending.asset == asset.id]
            assert of_asset == written[asset.id]

    async def test_only_events_from_before_the_given_time_are_shown(self, catalog: Catalog) -> None:
        asset = await catalog.create(first := an_asset(), [an_event(first)])
        (pending,) = await all_pending(catalog)
        assert await all_pending(catalog, before=pending.created_at) == []
        just_after = pending.created_at + timedelta(microseconds=1)
        assert len(await all_pending(catalog, before=just_after)) == 1
        await asyncio.sleep(0.01)
        await catalog.update(changed(asset), expected=1, events=[an_event(asset)])
        assert await all_pending(catalog, before=just_after) == [pending]
        with pytest.raises(InvalidRequest):
            await catalog.outbox(before=just_after.replace(tzinfo=None))

    async def test_the_limit_gives_the_earliest_and_a_sweep_reaches_all(
        self, catalog: Catalog
    ) -> None:
        sent: list[str] = []
        for _ in range(30):
            asset = an_asset()
            await catalog.create(asset, [an_event(asset), an_event(asset)])
        before = datetime.now(UTC) + SOON
        for shard in range(catalog.capabilities.shards):
            while found := await catalog.outbox(before=before, shard=shard, limit=7):
                assert len(found) <= 7
                sent += [pending.message.id for pending in found]
                await catalog.sent([(kept.asset, kept.message.id) for kept in found])
        assert len(sent) == len(set(sent)) == 60
        with pytest.raises(InvalidRequest):
            await catalog.outbox(before=before, limit=0)

    async def test_sent_events_are_forgotten_and_others_stay(self, catalog: Catalog) -> None:
        asset, other = an_asset(), an_asset()
        events = [an_event(asset) for _ in range(3)]
        await catalog.create(asset, events)
        await catalog.create(other, [an_event(other)])
        await catalog.sent([(asset.id, events[1].message.id)])
        kept = {pending.message.id for pending in await all_pending(catalog)}
        assert len(kept) == 3
        assert events[1].message.id not in kept

    async def test_marking_as_sent_again_or_what_never_was_is_no_error(
        self, catalog: Catalog
    ) -> None:
        asset, event = (made := an_asset()), an_event(made)
        await catalog.create(asset, [event])
        other = await catalog.create(an_asset())
        strangers = [(other.id, event.message.id), (asset.id, new_id()), ("%", "'"), ("\ud800", "")]
        await catalog.sent(strangers)
        await catalog.sent([])
        assert len(await all_pending(catalog)) == 1
        for _ in range(2):
            await catalog.sent([(asset.id, event.message.id)])
        assert await all_pending(catalog) == []

    async def test_marks_reach_other_connections_within_a_second(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = an_asset()
        await catalog.create(asset, [event := an_event(asset)])
        await catalog.sent([(asset.id, event.message.id)])
        for _ in range(20):
            if not await all_pending(second):
                return
            await asyncio.sleep(0.05)
        pytest.fail("the mark did not become visible")

    async def test_a_mark_does_not_change_the_record(self, catalog: Catalog) -> None:
        asset = an_asset()
        written = await catalog.create(asset, [event := an_event(asset)])
        await catalog.sent([(asset.id, event.message.id)])
        assert await all_pending(catalog) == []
        assert await catalog.get(asset.id) == written
        await catalog.update(changed(asset), expected=1)

    async def test_events_that_could_not_be_told_apart_are_refused(self, catalog: Catalog) -> None:
        asset = an_asset()
        event = an_event(asset)
        with pytest.raises(InvalidRequest):
            await catalog.create(asset, [event, Outgoing("changes", event.message)])
        assert await catalog.get(asset.id) is None
        assert await all_pending(catalog) == []

    async def test_more_than_256_kib_of_events_are_refused(self, catalog: Catalog) -> None:
        asset = an_asset()
        messages = [Message(id=new_id(), key=asset.id, body=b"x" * 65_536) for _ in range(5)]
        with pytest.raises(LimitExceeded):
            await catalog.create(asset, [Outgoing("t", message) for message in messages])
        await catalog.create(asset, [Outgoing("t", message) for message in messages[:4]])
        assert len(await all_pending(catalog)) == 4

    async def test_more_than_a_hundred_events_are_refused(self, catalog: Catalog) -> None:
        asset = an_asset()
        events = [an_event(asset) for _ in range(101)]
        with pytest.raises(LimitExceeded):
            await catalog.create(asset, events)
        assert await catalog.get(asset.id) is None
        await catalog.create(asset, events[:100])
        kept = await all_pending(catalog)
        assert [pending.message for pending in kept] == [event.message for event in events[:100]]

    async def test_every_event_belongs_to_exactly_one_shard(self, catalog: Catalog) -> None:
        for _ in range(20):
            asset = an_asset(due_at=datetime.now(UTC))
            await catalog.create(asset, [an_event(asset), an_event(asset)])
        pending = await all_pending(catalog)
        assert len({kept.message.id for kept in pending}) == len(pending) == 40
        due = await all_due(catalog, datetime.now(UTC) + SOON)
        assert len({asset.id for asset in due}) == len(due) == 20


class DueTests:
    """Records that should be looked at by a certain time."""

    async def test_what_is_due_comes_longest_due_first(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        now = datetime.now(UTC)
        offsets = [5, -3, 8, -10, -1, 2]
        made = [
            await catalog.create(an_asset(due_at=now + timedelta(hours=hours))) for hours in offsets
        ]
        await catalog.create(an_asset())
        due = await all_due(second, now)
        assert due == [made[3], made[1], made[4]]
        for shard in range(catalog.capabilities.shards):
            times = [asset.due_at for asset in await catalog.due(now, shard=shard)]
            assert times == sorted(times, key=str)

    async def test_due_means_strictly_before(self, catalog: Catalog) -> None:
        at = datetime.now(UTC)
        asset = await catalog.create(an_asset(due_at=at))
        assert await all_due(catalog, at) == []
        assert await all_due(catalog, at + timedelta(microseconds=1)) == [asset]
        with pytest.raises(InvalidRequest):
            await catalog.due(at.replace(tzinfo=None))
        with pytest.raises(InvalidRequest):
            await catalog.due(at, limit=0)

    async def test_an_update_moves_or_clears_the_due_time(self, catalog: Catalog) -> None:
        now = datetime.now(UTC)
        asset = await catalog.create(an_asset(due_at=now))
        moved = changed(asset, due_at=now + timedelta(days=1))
        await catalog.update(moved, expected=1)
        assert await all_due(catalog, now + SOON) == []
        assert [found.id for found in await all_due(catalog, now + timedelta(days=2))] == [asset.id]
        await catalog.update(changed(moved, due_at=None), expected=2)
        assert await all_due(catalog, now + timedelta(days=2)) == []

    async def test_a_limit_gives_the_longest_due(self, catalog: Catalog) -> None:
        now = datetime.now(UTC)
        for n in range(40):
            await catalog.create(an_asset(due_at=now - timedelta(minutes=n)))
        for shard in range(catalog.capabilities.shards):
            everything = await catalog.due(now + SOON, shard=shard, limit=100)
            assert await catalog.due(now + SOON, shard=shard, limit=3) == everything[:3]
