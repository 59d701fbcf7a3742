import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress

import pytest

from mediakiln.adapters.catalog.dynamodb import DynamoCatalog, StreamReader
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable, VersionConflict
from mediakiln.ports.catalog import Pending
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event, changed
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
        yield f"{url}&streams=1"


@pytest.fixture
async def catalog(url: str) -> AsyncIterator[DynamoCatalog]:
    engine = DynamoCatalog.from_url(url)
    await engine.ensure()
    yield engine
    await engine.close()


@asynccontextmanager
async def following(
    catalog: DynamoCatalog, url: str, *, grace_s: float = 0.3
) -> AsyncIterator[list[Pending]]:
    """What a reader hands out meanwhile; what it handed out is done."""
    found: list[Pending] = []
    reader = _reader(catalog, url, grace_s)

    async def follow() -> None:
        async for batch in reader.batches():
            found.extend(batch)

    task = asyncio.create_task(follow())
    try:
        yield found
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await reader.close()


def _reader(catalog: DynamoCatalog, url: str, grace_s: float) -> StreamReader:
    return StreamReader.from_url(url, catalog.records("stream"), grace_s=grace_s, poll_s=0.1)


async def _has(found: list[Pending], count: int) -> list[str]:
    """Wait until there are so many, and a little longer, for more than that; their ids."""
    async with asyncio.timeout(30):
        while len(found) < count:  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.8)
    return [pending.message.id for pending in found]


async def _write(catalog: DynamoCatalog) -> tuple[str, str]:
    """An asset with an event that nobody sends."""
    asset = an_asset()
    await catalog.create(asset, [event := an_event(asset)])
    return asset.id, event.message.id


async def test_events_come_once_in_the_order_of_their_asset(
    catalog: DynamoCatalog, url: str
) -> None:
    assets = [an_asset() for _ in range(4)]
    written: dict[str, list[str]] = {}
    async with following(catalog, url) as found:
        for asset in assets:
            events = [an_event(asset), an_event(asset)]
            await catalog.create(asset, events)
            written[asset.id] = [event.message.id for event in events]
        for version in (1, 2):
            for asset in assets:
                event = an_event(asset)
                await catalog.update(changed(asset), expected=version, events=[event])
                written[asset.id].append(event.message.id)
        kept = {pending.message.id: pending for pending in await all_pending(catalog)}
        assert len(await _has(found, 16)) == 16
    assert {pending.message.id: pending for pending in found} == kept
    for asset in assets:
        of_asset = [pending.message.id for pending in found if pending.asset == asset.id]
        assert of_asset == written[asset.id]


async def test_what_its_writer_sends_within_the_grace_does_not_come(
    catalog: DynamoCatalog, url: str
) -> None:
    async with following(catalog, url, grace_s=2) as found:
        for _ in range(5):
            await catalog.sent([await _write(catalog)])
        _, left = await _write(catalog)
        assert await _has(found, 1) == [left]


async def test_a_backlog_that_was_sent_long_ago_does_not_come(
    catalog: DynamoCatalog, url: str
) -> None:
    for _ in range(5):
        await catalog.sent([await _write(catalog)])
    _, left = await _write(catalog)
    await asyncio.sleep(1)
    async with following(catalog, url) as found:
        assert await _has(found, 1) == [left]


async def test_the_next_reader_goes_on_where_the_last_one_was(
    catalog: DynamoCatalog, url: str
) -> None:
    _, first = await _write(catalog)
    async with following(catalog, url) as found:
        assert await _has(found, 1) == [first]
    _, second = await _write(catalog)
    async with following(catalog, url) as found:
        assert await _has(found, 1) == [second]


async def test_a_batch_that_was_not_done_comes_again(catalog: DynamoCatalog, url: str) -> None:
    asset, message = await _write(catalog)
    reader = _reader(catalog, url, 0.1)
    for _ in range(2):
        async with asyncio.timeout(20), aclosing(reader.batches()) as batches:
            assert [pending.message.id for pending in await anext(batches)] == [message]
    await reader.close()
    async with following(catalog, url) as found:
        assert await _has(found, 1) == [message]
    await catalog.sent([(asset, message)])
    async with following(catalog, url) as found:
        assert await _has(found, 0) == []


async def test_two_readers_of_the_same_places_do_not_go_on_together(
    catalog: DynamoCatalog, url: str
) -> None:
    readers = [_reader(catalog, url, 0.1) for _ in range(2)]
    await _write(catalog)

    async def follow(reader: StreamReader) -> None:
        async for _ in reader.batches():
            await _write(catalog)

    async with asyncio.timeout(30):
        with pytest.raises(VersionConflict):
            await asyncio.gather(*map(follow, readers))
    await asyncio.gather(*(reader.close() for reader in readers))


async def test_outages_and_lapsed_iterators_lose_nothing(
    catalog: DynamoCatalog, url: str, endpoint: str
) -> None:
    async with Proxy(endpoint) as proxy:
        reader = _reader(catalog, through(url, proxy, streams=1, patience=0.2), 0.1)
        _, first = await _write(catalog)
        proxy.refuse("GetRecords", "InternalServerError", times=1000, status=500)
        with pytest.raises(EngineUnavailable):
            await anext(reader.batches())
        proxy.refuse("GetRecords", "ExpiredIteratorException", times=3)
        async with asyncio.timeout(20), aclosing(reader.batches()) as batches:
            assert [pending.message.id for pending in await anext(batches)] == [first]
            proxy.refuse("GetRecords", "ExpiredIteratorException", times=2)
            _, second = await _write(catalog)
            assert [pending.message.id for pending in await anext(batches)] == [second]
        await reader.close()


async def test_a_stream_is_turned_on_for_a_table_that_is_there(endpoint: str) -> None:
    with a_table_url(endpoint) as plain:
        catalog = DynamoCatalog.from_url(plain)
        await catalog.ensure()
        reader = _reader(catalog, plain, 0.1)
        with pytest.raises(EngineMisconfigured, match="no stream") as refused:
            await anext(reader.batches())
        assert "streams=1" in refused.value.context["hint"]
        await reader.close()
        several = [DynamoCatalog.from_url(f"{plain}&streams=1") for _ in range(3)]
        await asyncio.gather(*(each.ensure() for each in several))
        await asyncio.gather(*(each.close() for each in several))
        _, message = await _write(catalog)
        async with following(catalog, plain) as found:
            assert await _has(found, 1) == [message]
        await catalog.close()


async def test_a_stream_without_new_images_is_refused(endpoint: str) -> None:
    with a_table_url(endpoint) as plain:
        without = DynamoCatalog.from_url(plain)
        await without.ensure()
        await without.close()
        seen = client(endpoint)
        seen.update_table(
            TableName=plain.partition("?")[0].rpartition("/")[2],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        seen.close()
        catalog = DynamoCatalog.from_url(f"{plain}&streams=1")
        with pytest.raises(EngineMisconfigured, match="KEYS_ONLY"):
            await catalog.ensure()
        await catalog.close()
