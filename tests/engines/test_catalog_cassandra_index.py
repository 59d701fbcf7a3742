import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from mediakiln.adapters.catalog.cassandra import CassandraCatalog, partition, times
from mediakiln.adapters.catalog.cassandra.link import Link
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineUnavailable, VersionConflict
from mediakiln.model.ids import new_id
from mediakiln.model.kind import AssetState, Kind
from mediakiln.testing.catalog_samples import all_due, all_pending, an_asset, an_event, changed
from support.cassandra import Keyspace, keyspace
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("cassandra")]

LONG_AGO = 600
"""Seconds after which no write is under way any more."""


@pytest.fixture(scope="module")
def tables() -> Iterator[Keyspace]:
    with keyspace(server("CASSANDRA", "cassandra")) as made:
        yield made


@pytest.fixture
async def catalog(tables: Keyspace) -> AsyncIterator[CassandraCatalog]:
    engine = CassandraCatalog.from_url(tables.url)
    yield engine
    await engine.close()
    tables.empty()


async def _crash_before_writing(catalog: CassandraCatalog, asset: Asset, age: int = 0) -> None:
    """What is left of a writer that died between the index and the record."""
    await catalog._index.announce(asset, times.now() - age, None, events=True)


def _count(tables: Keyspace, table: str) -> int:
    rows = tables.session.execute(f"SELECT count(*) FROM {tables.name}.{table}")  # noqa: S608 - our own names
    return int(rows.one()["count"])


async def test_sixteen_tasks_on_four_connections_win_each_version_once(
    catalog: CassandraCatalog, tables: Keyspace
) -> None:
    others = [CassandraCatalog.from_url(tables.url) for _ in range(3)]
    engines = [catalog, *others] * 4
    now = await catalog.create(an_asset())
    for version in range(1, 9):
        tries = [changed(now, name=f"{version} {n}") for n in range(16)]
        outcomes = await asyncio.gather(
            *(
                engine.update(change, expected=version, events=[an_event(change)])
                for engine, change in zip(engines, tries, strict=True)
            ),
            return_exceptions=True,
        )
        (now,) = (outcome for outcome in outcomes if isinstance(outcome, Asset))
        assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 15
        assert await catalog.get(now.id) == now
    assert len(await all_pending(catalog)) == 8
    for engine in others:
        await engine.close()


async def test_a_hint_without_its_write_is_kept_while_the_write_may_come(
    catalog: CassandraCatalog, tables: Keyspace
) -> None:
    asset = an_asset()
    await _crash_before_writing(catalog, asset)
    assert await all_pending(catalog) == []
    assert _count(tables, "hints") == 1
    await catalog.create(asset, [event := an_event(asset)])
    assert [kept.message for kept in await all_pending(catalog)] == [event.message]


async def test_a_hint_without_its_write_is_swept_when_none_can_come(
    catalog: CassandraCatalog, tables: Keyspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _crash_before_writing(catalog, an_asset(), LONG_AGO * 1_000_000)
    assert await all_pending(catalog) == []
    assert _count(tables, "hints") == 0
    assert await all_pending(catalog) == []
    assert _count(tables, "buckets") == 2  # the minute's note is fresh; and there is the month's
    monkeypatch.setattr(times, "SETTLED_AFTER", 0)
    assert await all_pending(catalog) == []
    assert _count(tables, "buckets") == 1


async def test_a_hint_goes_as_soon_as_its_events_are_sent_or_its_write_was_overtaken(
    catalog: CassandraCatalog, tables: Keyspace
) -> None:
    asset = await catalog.create(made := an_asset(), [event := an_event(made)])
    with pytest.raises(VersionConflict):
        await catalog.update(changed(asset), expected=7, events=[an_event(asset)])
    await catalog.sent([(asset.id, event.message.id)])
    assert await all_pending(catalog) == []
    assert _count(tables, "hints") == 0


@pytest.mark.parametrize(("age", "left"), [(0, (4, 1)), (LONG_AGO, (0, 0))])
async def test_listings_and_due_times_without_their_write_never_show_and_go_in_the_end(
    catalog: CassandraCatalog, tables: Keyspace, age: int, left: tuple[int, int]
) -> None:
    # A project and an hour of its own: where something was deleted, older rows do not appear.
    project, due = new_id(), datetime.now(UTC) - timedelta(days=100 + age)
    asset = an_asset(project=project, kind=Kind.IMAGE, due_at=due)
    await _crash_before_writing(catalog, asset, age * 1_000_000)
    assert (_count(tables, "listing"), _count(tables, "due")) == (4, 1)
    for state in (None, AssetState.RECEIVED):
        for kind in (None, Kind.IMAGE):
            assert (await catalog.list(project, state=state, kind=kind)).assets == []
    assert await all_due(catalog, datetime.now(UTC)) == []
    assert (_count(tables, "listing"), _count(tables, "due")) == left


async def test_a_writer_that_died_after_its_write_left_the_new_listing_and_readers_drop_the_old(
    catalog: CassandraCatalog, tables: Keyspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await catalog.create(an_asset(due_at=datetime.now(UTC)))

    async def die(*_: object) -> None:
        raise EngineUnavailable("killed")

    monkeypatch.setattr(catalog._index, "retire", die)
    later = datetime.now(UTC) + timedelta(hours=2)
    change = changed(asset, state=AssetState.READY, due_at=later)
    written = await catalog.update(change, expected=1)
    assert _count(tables, "listing") == 3
    assert _count(tables, "due") == 2
    assert (await catalog.list("default", state=AssetState.READY)).assets == [written]
    assert (await catalog.list("default", state=AssetState.RECEIVED)).assets == []
    assert await all_due(catalog, datetime.now(UTC)) == []
    assert _count(tables, "listing") == 2
    assert _count(tables, "due") == 1


async def test_changes_of_state_leave_no_rows_behind(
    catalog: CassandraCatalog, tables: Keyspace
) -> None:
    asset = await catalog.create(an_asset(kind=Kind.IMAGE))
    for n in range(6):
        state = AssetState.PROCESSING if n % 2 else AssetState.READY
        due = datetime.now(UTC) + timedelta(hours=n)
        asset = await catalog.update(
            changed(asset, state=state, due_at=due), expected=asset.version
        )
        assert _count(tables, "listing") == 4
        assert _count(tables, "due") == 1
        assert (await catalog.list("default", state=state)).assets == [asset]


async def test_a_writer_whose_clock_is_behind_is_ordered_after_what_it_read(
    catalog: CassandraCatalog, tables: Keyspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await catalog.create(an_asset(due_at=(first := datetime.now(UTC))))
    slow = CassandraCatalog.from_url(tables.url)
    behind = times.now() - 30 * 1_000_000
    monkeypatch.setattr(times, "now", lambda: behind)
    moved = await slow.update(changed(asset, due_at=None), expected=1)
    back = await slow.update(changed(moved, due_at=first), expected=2)
    monkeypatch.undo()
    assert await all_due(catalog, datetime.now(UTC)) == [back]
    assert (await catalog.list("default")).assets == [back]
    await slow.close()


async def test_a_write_that_waited_too_long_is_given_up_before_it_could_outlive_its_hint(
    catalog: CassandraCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(times, "START_WITHIN", -1)
    asset = an_asset()
    with pytest.raises(EngineUnavailable, match="in time"):
        await catalog.create(asset, [an_event(asset)])
    assert await catalog.get(asset.id) is None


async def test_an_answer_that_was_lost_is_settled_by_reading(
    catalog: CassandraCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write is done and its answer is not heard; the repetition finds itself."""
    asset = await catalog.create(an_asset())
    nameless = asset.model_copy(update={"mutation_id": None, "name": "new.jpg"})
    transact, runs = Link.transact, 0

    async def twice(link: Link, *commands: object, **options: object) -> bool:
        nonlocal runs
        runs += 1
        await transact(link, *commands, **options)  # type: ignore[arg-type]
        return await transact(link, *commands, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Link, "transact", twice)
    written = await catalog.update(nameless, expected=1, events=[an_event(asset)])
    version = await catalog.records("s").put("k", {"n": 1})
    again = await catalog.records("s").put("k", {"n": 2}, expected=version)
    monkeypatch.undo()
    assert runs == 3
    assert await catalog.get(asset.id) == written
    assert (await catalog.records("s").get("k")).version == again  # type: ignore[union-attr]
    assert len(await all_pending(catalog)) == 1
    assert (stored := await partition.get(catalog._link, asset.id))
    assert stored.asset.name == "new.jpg"
