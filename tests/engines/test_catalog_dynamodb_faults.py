import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mediakiln.adapters.catalog.dynamodb import DynamoCatalog
from mediakiln.model.errors import EngineUnavailable, VersionConflict
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event, changed
from support.dynamodb import Proxy, a_table_url, through, use_credentials
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("dynamodb")]

ENGINES = Path(__file__).parents[2] / "engines"


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
    maker = DynamoCatalog.from_url(url)
    await maker.ensure()
    await maker.close()
    engine = DynamoCatalog.from_url(through(url, proxy, patience=3))
    yield engine
    await engine.close()


class TestLostAnswers:
    """The server did it, and the connection ended before it could say so."""

    async def test_a_create_is_told_by_its_mutation(
        self, catalog: DynamoCatalog, proxy: Proxy
    ) -> None:
        asset = an_asset()
        proxy.lose("PutItem")
        written = await catalog.create(asset, [an_event(asset)])
        assert proxy.requests["PutItem"] == 2
        assert await catalog.get(asset.id) == written
        assert len(await all_pending(catalog)) == 1

    @pytest.mark.parametrize("half", [False, True], ids=["whole", "half"])
    async def test_an_update_is_told_by_its_mutation(
        self, catalog: DynamoCatalog, proxy: Proxy, *, half: bool
    ) -> None:
        asset = await catalog.create(an_asset())
        proxy.lose("UpdateItem", half=half)
        written = await catalog.update(
            changed(asset, name="new.jpg"), expected=1, events=[an_event(asset)]
        )
        assert proxy.requests["UpdateItem"] == 2
        assert (written.version, written.name) == (2, "new.jpg")
        assert await catalog.get(asset.id) == written
        assert len(await all_pending(catalog)) == 1

    async def test_another_writers_update_is_not_taken_for_ones_own(
        self, catalog: DynamoCatalog, proxy: Proxy
    ) -> None:
        asset = await catalog.create(an_asset())
        theirs = DynamoCatalog.from_url(through_directly(catalog, proxy))
        assert await theirs.get(asset.id) == asset
        proxy.refuse("UpdateItem", "InternalServerError", times=4, status=500)
        slow = asyncio.create_task(catalog.update(changed(asset, name="slow"), expected=1))
        await asyncio.wait_for(proxy.refused.wait(), 5)
        await theirs.update(changed(asset, name="fast"), expected=1)
        await theirs.close()
        with pytest.raises(VersionConflict):
            await slow

    async def test_marks_and_entries_of_spaces_are_told_too(
        self, catalog: DynamoCatalog, proxy: Proxy
    ) -> None:
        asset = an_asset()
        await catalog.create(asset, [event := an_event(asset)])
        records = catalog.records("s")
        for operation in ("PutItem", "UpdateItem", "DeleteItem"):
            proxy.lose(operation)
        await catalog.sent([(asset.id, event.message.id)])
        first = await records.put("k", {"n": 1})
        proxy.lose("PutItem")
        second = await records.put("k", {"n": 2}, expected=first)
        await records.delete("k", expected=second)
        assert await records.get("k") is None
        assert await all_pending(catalog) == []
        assert proxy.requests["PutItem"] == 5
        assert proxy.requests["DeleteItem"] == 2

    async def test_when_every_answer_is_lost_the_caller_may_ask_again_later(
        self, catalog: DynamoCatalog, proxy: Proxy
    ) -> None:
        asset = an_asset()
        proxy.lose("PutItem", times=1000)
        with pytest.raises(EngineUnavailable):
            await catalog.create(asset, [an_event(asset)])
        proxy.lose("PutItem", times=0)
        assert (await catalog.create(asset, [an_event(asset)])).version == 1
        assert len(await all_pending(catalog)) == 1

    async def test_half_of_a_read_is_read_again(self, catalog: DynamoCatalog, proxy: Proxy) -> None:
        asset = await catalog.create(an_asset())
        proxy.lose("GetItem", half=True)
        assert await catalog.get(asset.id) == asset
        assert proxy.requests["GetItem"] == 2


class TestThrottling:
    """More is asked than the table allows."""

    @pytest.mark.parametrize(
        "code",
        ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"],
    )
    async def test_a_short_one_is_waited_for(
        self, catalog: DynamoCatalog, proxy: Proxy, code: str
    ) -> None:
        proxy.refuse("PutItem", code, times=3)
        asset = await catalog.create(an_asset())
        assert proxy.requests["PutItem"] == 4
        assert await catalog.get(asset.id) == asset

    async def test_a_long_one_is_an_outage_that_says_what_it_is(
        self, catalog: DynamoCatalog, proxy: Proxy
    ) -> None:
        proxy.refuse("PutItem", "ProvisionedThroughputExceededException", times=1000)
        with pytest.raises(EngineUnavailable, match="ProvisionedThroughputExceeded"):
            await catalog.create(an_asset())
        assert 3 <= proxy.requests["PutItem"] <= 60


@pytest.mark.slow
async def test_a_stopped_server_is_an_outage_and_its_return_is_noticed(
    endpoint: str,  # noqa: ARG001 - says whether servers may be started
    tmp_path: Path,
) -> None:
    """The server comes back on another port; the proxy stands for the address that stays."""
    async with Proxy(await _up(tmp_path)) as proxy:
        address = through("dynamodb://us-east-1/restarted", proxy)
        catalog = DynamoCatalog.from_url(address)
        try:
            await catalog.ensure()
            asset = an_asset()
            written = await catalog.create(asset, [an_event(asset)])
            await _engines("down", tmp_path)
            calls = (catalog.get(asset.id), catalog.create(an_asset()), catalog.ensure())
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [EngineUnavailable] * 3
            proxy.upstream = await _up(tmp_path)
            assert await catalog.get(asset.id) == written
            assert len(await all_pending(catalog)) == 1
            await catalog.update(changed(asset), expected=1)
        finally:
            await catalog.close()
            await _engines("down", tmp_path)


async def test_nobody_at_the_address_is_an_outage_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_credentials(monkeypatch)
    catalog = DynamoCatalog.from_url(
        "dynamodb://us-east-1/mediakiln?endpoint=http://127.0.0.1:1&patience=0.1"
    )
    with pytest.raises(EngineUnavailable, match=r"mediakiln in us-east-1 at http://127\.0\.0\.1:1"):
        await catalog.get("x")
    await catalog.close()


async def test_what_is_under_way_when_the_catalog_closes_ends_or_is_an_outage(
    catalog: DynamoCatalog,
) -> None:
    writes = [asyncio.create_task(catalog.create(an_asset())) for _ in range(60)]
    await asyncio.sleep(0.05)
    await catalog.close()
    for outcome in await asyncio.gather(*writes, return_exceptions=True):
        assert not isinstance(outcome, BaseException) or isinstance(outcome, EngineUnavailable)


def through_directly(catalog: DynamoCatalog, proxy: Proxy) -> str:
    """The same table without the proxy."""
    address = catalog._link.address
    return f"dynamodb://{address.region}/{address.table}?endpoint={proxy.upstream}"


async def _up(data: Path) -> str:
    """Start a server of this test's own; its endpoint."""
    exported = await _engines("up", data)
    (line,) = [line for line in exported.splitlines() if "MEDIAKILN_TEST_DYNAMODB=" in line]
    return line.partition("=")[2].strip("'")


async def _engines(command: str, data: Path) -> str:
    argv = [sys.executable, str(ENGINES / command), "dynamodb", "--data", str(data)]

    def work() -> str:
        return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout

    return await asyncio.to_thread(work)
