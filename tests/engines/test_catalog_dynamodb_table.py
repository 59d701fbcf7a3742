import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediakiln.adapters.catalog.dynamodb import DynamoCatalog
from mediakiln.adapters.catalog.dynamodb.items import (
    MAX_ID_BYTES,
    MAX_PROJECT_BYTES,
    key,
    lists,
    shard_of,
    string,
)
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineUnavailable, LimitExceeded, VersionConflict
from mediakiln.model.ids import new_id
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.messages import Message
from mediakiln.ports.catalog import Outgoing
from mediakiln.testing.catalog_samples import (
    SOON,
    all_due,
    all_pending,
    an_asset,
    an_elaborate_asset,
    an_event,
    changed,
)
from support.dynamodb import Proxy, a_table_url, client, through, use_credentials
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("dynamodb")]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> str:
    use_credentials(monkeypatch)
    return server("DYNAMODB", "dynamodb")


@pytest.fixture
def url(endpoint: str) -> Iterator[str]:
    with a_table_url(endpoint) as url:
        yield url


@pytest.fixture
async def proxy(endpoint: str) -> AsyncIterator[Proxy]:
    async with Proxy(endpoint) as proxy:
        yield proxy


@pytest.fixture
async def catalog(url: str, proxy: Proxy) -> AsyncIterator[DynamoCatalog]:
    engine = DynamoCatalog.from_url(through(url, proxy))
    await engine.ensure()
    yield engine
    await engine.close()


async def test_sixteen_writers_win_each_version_exactly_once(catalog: DynamoCatalog) -> None:
    asset = await catalog.create(an_asset())

    async def write(name: str) -> list[int]:
        won = []
        for expected in range(1, 6):
            try:
                change = changed(asset, name=name)
                await catalog.update(change, expected=expected, events=[an_event(asset)])
                won.append(expected + 1)
            except VersionConflict:
                continue
        return won

    wins = await asyncio.gather(*(write(str(n)) for n in range(16)))
    final = await catalog.get(asset.id)
    assert final is not None
    assert Counter(version for won in wins for version in won) == Counter(
        range(2, final.version + 1)
    )
    assert len(await all_pending(catalog)) == final.version - 1


async def test_two_hundred_assets_made_at_once_are_listed_in_order(
    catalog: DynamoCatalog,
) -> None:
    start = datetime(2031, 1, 1, tzinfo=UTC)
    made = [an_asset(created_at=start + timedelta(milliseconds=n // 3)) for n in range(200)]
    await asyncio.gather(*map(catalog.create, made))
    expected = sorted(made, key=lambda asset: (asset.created_at, asset.id), reverse=True)
    found: list[Asset] = []
    page = await catalog.list("default", limit=70)
    found += page.assets
    while page.cursor is not None:
        page = await catalog.list("default", limit=70, cursor=page.cursor)
        found += page.assets
    assert [asset.id for asset in found] == [asset.id for asset in expected]
    stored = await catalog.get_many([asset.id for asset in made])
    assert len(stored) == 200


class TestOneItem:
    """Record and waiting events share 400 KB."""

    async def test_more_events_than_fit_wait_for_the_relay_and_harm_nothing(
        self, catalog: DynamoCatalog, proxy: Proxy
    ) -> None:
        asset = await catalog.create(an_asset())
        first, second = _big(asset), _big(asset)
        written = await catalog.update(changed(asset), expected=1, events=first)
        before = proxy.requests["UpdateItem"]
        with pytest.raises(EngineUnavailable, match="400 KB") as full:
            await catalog.update(changed(asset, name="late"), expected=2, events=second)
        assert "relay" in full.value.context["hint"]
        assert proxy.requests["UpdateItem"] == before + 1
        assert await catalog.get(asset.id) == written
        kept = await all_pending(catalog)
        assert [pending.message for pending in kept] == [event.message for event in first]
        await catalog.sent([(asset.id, event.message.id) for event in first])
        assert (await catalog.update(changed(asset), expected=2, events=second)).version == 3

    async def test_the_largest_record_fits_with_the_largest_events(
        self, catalog: DynamoCatalog
    ) -> None:
        asset = an_elaborate_asset()
        noise = "".join(new_id() for _ in range(1550))
        asset = asset.model_copy(update={"metadata": {"noise": noise}})
        await catalog.create(asset, _big(asset))
        assert await catalog.get(asset.id) == asset.model_copy(update={"version": 1})
        assert len(await all_pending(catalog)) == 4

    async def test_a_hundred_events_are_written_and_forgotten_at_once(
        self, catalog: DynamoCatalog, proxy: Proxy
    ) -> None:
        asset = await catalog.create(an_asset())
        events = [an_event(asset) for _ in range(100)]
        change = changed(asset, state=AssetState.READY, kind=Kind.IMAGE, due_at=asset.created_at)
        await catalog.update(change, expected=1, events=events)
        kept = await all_pending(catalog)
        assert [pending.message for pending in kept] == [event.message for event in events]
        proxy.requests.clear()
        await catalog.sent([(asset.id, event.message.id) for event in events])
        assert proxy.requests == {"UpdateItem": 1}
        assert await all_pending(catalog) == []

    async def test_more_than_one_answer_holds_is_fetched_in_several(
        self, catalog: DynamoCatalog, proxy: Proxy
    ) -> None:
        """DynamoDB gives back at most 16 MB at once, and names what it left out."""
        asset = an_asset()
        made = [asset.model_copy(update={"id": new_id()}) for _ in range(66)]
        for n in range(0, 66, 11):
            await asyncio.gather(*(catalog.create(each, _big(each)) for each in made[n : n + 11]))
        proxy.requests.clear()
        assert len(await catalog.get_many([each.id for each in made])) == 66
        assert proxy.requests["BatchGetItem"] > 1
        assert len(await all_pending(catalog)) == 264

    async def test_marks_of_many_writers_leave_no_entry_in_the_index(
        self, catalog: DynamoCatalog, endpoint: str, url: str
    ) -> None:
        asset = an_asset()
        events = [an_event(asset) for _ in range(12)]
        await catalog.create(asset, events)
        marks = [(asset.id, event.message.id) for event in events]
        await asyncio.gather(*(catalog.sent(marks[n : n + 2]) for n in range(11)))
        assert await all_pending(catalog) == []
        seen = client(endpoint)
        entries = seen.scan(TableName=_table(url), IndexName="outbox")["Items"]
        seen.close()
        assert entries == []

    async def test_ids_and_projects_beyond_the_keys_of_an_index_are_refused(
        self, catalog: DynamoCatalog
    ) -> None:
        for fields in ({"id": "é" * (MAX_ID_BYTES // 2) + "x"}, {"project": "p" * 2001}):
            with pytest.raises(LimitExceeded):
                await catalog.create(an_asset(**fields))
        longest = {"id": "é" * (MAX_ID_BYTES // 2), "project": "p" * MAX_PROJECT_BYTES}
        asset = await catalog.create(
            an_asset(**longest, kind=Kind.MODEL3D, due_at=datetime.now(UTC))
        )
        listed = await catalog.list(asset.project, state=asset.state, kind=Kind.MODEL3D)
        assert list(listed.assets) == [asset]
        assert await catalog.get(asset.id + "x") is None
        assert list((await catalog.list("p" * 2001)).assets) == []


class TestStaleIndexes:
    """An index may be late: what it says of an item is checked against the item."""

    async def test_lists_drop_what_no_longer_belongs(
        self, catalog: DynamoCatalog, endpoint: str, url: str
    ) -> None:
        asset = await catalog.create(an_asset(state=AssetState.READY, kind=Kind.IMAGE))
        filters = [(AssetState.FAILED, None), (None, Kind.VIDEO), (AssetState.FAILED, Kind.VIDEO)]
        _overwrite(endpoint, url, [asset], dict(lists("default", *each) for each in filters))
        for state, kind in filters:
            assert list((await catalog.list("default", state=state, kind=kind)).assets) == []

    async def test_due_and_outbox_drop_what_is_done_and_go_on_behind_it(
        self, catalog: DynamoCatalog, endpoint: str, url: str
    ) -> None:
        now = datetime.now(UTC)
        done = [await catalog.create(an_asset()) for _ in range(12)]
        late = an_asset(due_at=now)
        await catalog.create(late, [an_event(late)])
        shard_of_late = shard_of(late.id)
        early = {"due_at": "000000000000000000#x", "box_at": "000000000000000000"}
        _overwrite(endpoint, url, done, early | {"due": shard_of_late, "box": shard_of_late})
        shards = range(catalog.capabilities.shards)
        due = [await catalog.due(now + SOON, shard=shard, limit=1) for shard in shards]
        assert [asset.id for found in due for asset in found] == [late.id]
        kept = [await catalog.outbox(before=now + SOON, shard=shard, limit=1) for shard in shards]
        assert [pending.asset for found in kept for pending in found] == [late.id]
        assert len(await all_due(catalog, now + SOON)) == 1


async def test_an_asset_costs_twenty_requests_from_upload_to_ready(
    catalog: DynamoCatalog, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record with one event, nine updates with one each, every event marked."""
    units: list[float] = []
    plain = catalog._link.call

    async def metered(operation: str, **params: Any) -> Any:
        answer = await plain(operation, **params, ReturnConsumedCapacity="TOTAL")
        units.append(answer["ConsumedCapacity"]["CapacityUnits"])
        return answer

    monkeypatch.setattr(catalog._link, "call", metered)
    proxy.requests.clear()
    states = [AssetState.PROCESSING] * 8 + [AssetState.READY]
    asset = an_asset(due_at=datetime.now(UTC) + SOON)
    await catalog.create(asset, [event := an_event(asset)])
    await catalog.sent([(asset.id, event.message.id)])
    for version, state in enumerate(states, start=1):
        metadata = an_elaborate_asset().metadata
        due_at = None if state is AssetState.READY else datetime.now(UTC) + SOON
        asset = changed(asset, state=state, kind=Kind.IMAGE, metadata=metadata, due_at=due_at)
        await catalog.update(asset, expected=version, events=[event := an_event(asset)])
        await catalog.sent([(asset.id, event.message.id)])
    assert proxy.requests == {"PutItem": 1, "UpdateItem": 19}
    assert len(units) == 20
    assert sum(units) <= 90


def _big(asset: Asset) -> list[Outgoing]:
    body = b"x" * 65_536
    return [Outgoing("t", Message(id=new_id(), key=asset.id, body=body)) for _ in range(4)]


def _table(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _overwrite(
    endpoint: str, url: str, assets: Sequence[Asset], attributes: dict[str, str]
) -> None:
    """Give items index attributes that their records do not ask for, as a late index has."""
    seen = client(endpoint)
    for asset in assets:
        seen.update_item(
            TableName=_table(url),
            Key=key(asset.id),
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in attributes),
            ExpressionAttributeValues={
                f":{name}": string(text) for name, text in attributes.items()
            },
        )
    seen.close()
