"""The part of the catalog contract that is about records: writing, reading, conflicts."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from mediakiln.model.asset import MAX_RECORD_BYTES, Asset
from mediakiln.model.errors import (
    AlreadyExists,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    VersionConflict,
)
from mediakiln.model.ids import new_id
from mediakiln.model.kind import AssetState
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog_samples import (
    all_due,
    all_pending,
    an_asset,
    an_elaborate_asset,
    an_event,
    changed,
)


class AssetTests:
    """What every engine must hold to when it writes and reads records."""

    async def test_a_new_record_is_version_one_and_reads_back_equal(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = an_asset()
        written = await catalog.create(asset)
        assert written == asset.model_copy(update={"version": 1})
        assert await catalog.get(asset.id) == written
        assert await second.get(asset.id) == written

    async def test_every_field_survives_storage_however_odd(self, catalog: Catalog) -> None:
        asset = an_elaborate_asset()
        written = await catalog.create(asset)
        stored = await catalog.get(asset.id)
        assert stored == written
        assert stored is not None
        assert stored.recipe is not None
        assert asset.recipe is not None
        assert stored.recipe.to_json() == asset.recipe.to_json()
        assert stored.created_at.utcoffset() == timedelta(0)

    async def test_what_a_caller_does_to_its_copy_does_not_reach_the_store(
        self, catalog: Catalog
    ) -> None:
        asset = an_asset(metadata={"width": 1})
        await catalog.create(asset)
        asset.metadata["width"] = 2
        first = await catalog.get(asset.id)
        assert first is not None
        first.metadata["width"] = 3
        again = await catalog.get(asset.id)
        assert again is not None
        assert again.metadata == {"width": 1}

    @pytest.mark.parametrize("id", ["", "no-such", "%", "' OR 1=1 --", "a\x00b", "\ud800"])
    async def test_an_unknown_id_reads_as_nothing(self, catalog: Catalog, id: str) -> None:
        await catalog.create(an_asset())
        assert await catalog.get(id) is None
        assert await catalog.get_many([id]) == {}

    async def test_get_many_gives_the_records_there_are(self, catalog: Catalog) -> None:
        assets = [await catalog.create(an_asset()) for _ in range(5)]
        asked = [*(asset.id for asset in assets), new_id(), assets[0].id, "\ud800"]
        assert await catalog.get_many(asked) == {asset.id: asset for asset in assets}
        assert await catalog.get_many([]) == {}

    async def test_a_taken_id_is_refused_and_leaves_the_record_alone(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        first = await catalog.create(an_asset())
        rival = an_asset(id=first.id, name="other.jpg")
        with pytest.raises(AlreadyExists):
            await second.create(rival, [an_event(rival)])
        with pytest.raises(AlreadyExists):
            await second.create(rival.model_copy(update={"mutation_id": None}))
        assert await catalog.get(first.id) == first
        assert await all_pending(catalog) == []

    async def test_of_many_creators_of_one_id_exactly_one_succeeds(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        id = new_id()
        rivals = [an_asset(id=id, name=str(n)) for n in range(20)]
        outcomes = await asyncio.gather(
            *(
                engine.create(rival, [an_event(rival)])
                for rival, engine in zip(rivals, [catalog, second] * 10, strict=True)
            ),
            return_exceptions=True,
        )
        winners = [outcome for outcome in outcomes if isinstance(outcome, Asset)]
        assert len(winners) == 1
        assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 19
        assert await catalog.get(id) == winners[0]
        assert len(await all_pending(catalog)) == 1

    async def test_a_repeated_create_succeeds_once_more_and_adds_no_events(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = an_asset()
        events = [an_event(asset)]
        written = await catalog.create(asset, events)
        assert await second.create(asset, events) == written
        assert [pending.message for pending in await all_pending(catalog)] == [events[0].message]

    async def test_an_update_raises_the_version_by_one(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = await catalog.create(an_asset())
        change = changed(asset, state=AssetState.READY, name="new.jpg")
        written = await second.update(change, expected=1)
        assert written == change.model_copy(update={"version": 2})
        assert await catalog.get(asset.id) == written

    async def test_an_update_from_an_old_version_conflicts_and_leaves_no_trace(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = await catalog.create(an_asset())
        winner = await catalog.update(changed(asset, name="winner"), expected=1)
        for expected in (0, 1, 3):
            loser = changed(asset, name="loser", due_at=asset.created_at)
            with pytest.raises(VersionConflict):
                await second.update(loser, expected=expected, events=[an_event(asset)])
        assert await catalog.get(asset.id) == winner
        assert await all_pending(catalog) == []
        assert await all_due(catalog, asset.created_at + timedelta(days=1)) == []

    async def test_an_update_of_nothing_is_not_found(self, catalog: Catalog) -> None:
        asset = an_asset()
        with pytest.raises(NotFound):
            await catalog.update(asset, expected=1, events=[an_event(asset)])
        assert await catalog.get(asset.id) is None
        assert await all_pending(catalog) == []

    async def test_a_repeated_update_succeeds_once_more_and_adds_no_events(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = await catalog.create(an_asset())
        change, events = changed(asset, name="new.jpg"), [an_event(asset)]
        written = await catalog.update(change, expected=1, events=events)
        assert await second.update(change, expected=1, events=events) == written
        assert len(await all_pending(catalog)) == 1
        await catalog.sent([(asset.id, events[0].message.id)])
        assert await catalog.update(change, expected=1, events=events) == written
        assert await all_pending(catalog) == []

    async def test_a_repetition_after_somebody_elses_update_conflicts(
        self, catalog: Catalog
    ) -> None:
        asset = await catalog.create(an_asset())
        change = changed(asset, name="mine")
        await catalog.update(change, expected=1)
        await catalog.update(changed(asset, name="theirs"), expected=2)
        with pytest.raises(VersionConflict):
            await catalog.update(change, expected=1)

    async def test_updates_without_a_mutation_id_never_pass_for_repetitions(
        self, catalog: Catalog
    ) -> None:
        asset = await catalog.create(an_asset())
        nameless = asset.model_copy(update={"mutation_id": None})
        await catalog.update(nameless, expected=1)
        with pytest.raises(VersionConflict):
            await catalog.update(nameless, expected=1)

    async def test_fifty_writers_of_one_version_have_one_winner_and_one_event(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = await catalog.create(an_asset())
        tries = [(changed(asset, name=str(n)), an_event(asset)) for n in range(50)]
        outcomes = await asyncio.gather(
            *(
                engine.update(change, expected=1, events=[event])
                for (change, event), engine in zip(tries, [catalog, second] * 25, strict=True)
            ),
            return_exceptions=True,
        )
        winners = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Asset)]
        assert len(winners) == 1
        assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 49
        stored = await second.get(asset.id)
        assert stored == outcomes[winners[0]]
        pending = await all_pending(catalog)
        assert [kept.message for kept in pending] == [tries[winners[0]][1].message]

    async def test_fifty_concurrent_increments_lose_none(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        asset = await catalog.create(an_asset(metadata={"count": 0}))

        async def increment(engine: Catalog) -> int:
            while True:
                now = await engine.get(asset.id)
                assert now is not None
                step = changed(now, metadata={"count": now.metadata["count"] + 1})
                try:
                    written = await engine.update(
                        step, expected=now.version, events=[an_event(now)]
                    )
                except VersionConflict:
                    continue
                return written.version

        versions = await asyncio.gather(*map(increment, [catalog, second] * 25))
        final = await catalog.get(asset.id)
        assert final is not None
        assert final.metadata == {"count": 50}
        assert Counter(versions) == Counter(range(2, 52))
        assert len(await all_pending(catalog)) == 50

    async def test_a_conflict_does_not_spoil_its_neighbours(self, catalog: Catalog) -> None:
        taken = await catalog.create(an_asset())
        fresh = [an_asset() for _ in range(30)]
        bad = changed(taken, name="late")
        outcomes = await asyncio.gather(
            *(catalog.create(asset, [an_event(asset)]) for asset in fresh[:15]),
            catalog.update(bad, expected=7, events=[an_event(bad)]),
            catalog.create(an_asset(id=taken.id)),
            *(catalog.create(asset, [an_event(asset)]) for asset in fresh[15:]),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes[15:17]] == [VersionConflict, AlreadyExists]
        stored = await catalog.get_many([asset.id for asset in fresh])
        assert set(stored) == {asset.id for asset in fresh}
        pending = {kept.asset for kept in await all_pending(catalog)}
        assert pending == set(stored)

    async def test_a_record_of_more_than_64_kib_is_refused(self, catalog: Catalog) -> None:
        asset = an_asset(metadata={"text": "é" * (MAX_RECORD_BYTES // 2)})
        with pytest.raises(LimitExceeded) as refusal:
            await catalog.create(asset, [an_event(asset)])
        assert refusal.value.context["limit"] == MAX_RECORD_BYTES
        assert refusal.value.context["value"] > MAX_RECORD_BYTES
        assert await catalog.get(asset.id) is None
        small = await catalog.create(an_asset(id=asset.id))
        with pytest.raises(LimitExceeded):
            await catalog.update(changed(asset), expected=1, events=[an_event(asset)])
        assert await catalog.get(asset.id) == small
        assert await all_pending(catalog) == []

    async def test_a_record_just_under_64_kib_is_kept(self, catalog: Catalog) -> None:
        asset = an_asset(metadata={"text": ""})
        room = MAX_RECORD_BYTES - len(asset.model_dump_json())
        asset = asset.model_copy(update={"metadata": {"text": "x" * room}})
        await catalog.create(asset)
        stored = await catalog.get(asset.id)
        assert stored is not None
        assert stored.metadata == asset.metadata

    async def test_text_that_is_not_unicode_is_refused(self, catalog: Catalog) -> None:
        for fields in ({"name": "half a \ud800 pair"}, {"project": "a\x00b"}):
            asset = an_asset(**fields)
            with pytest.raises(InvalidRequest):
                await catalog.create(asset, [an_event(asset)])
            assert await catalog.get(asset.id) is None
        assert await all_pending(catalog) == []

    async def test_a_record_stays_in_its_project_and_at_its_time(self, catalog: Catalog) -> None:
        asset = await catalog.create(an_asset())
        later = asset.created_at + timedelta(seconds=1)
        for move in ({"project": "other"}, {"created_at": later}):
            with pytest.raises(InvalidRequest):
                await catalog.update(changed(asset, **move), expected=1)
        with pytest.raises(InvalidRequest):
            await catalog.create(an_asset(created_at=asset.created_at.replace(tzinfo=None)))
        assert await catalog.get(asset.id) == asset
