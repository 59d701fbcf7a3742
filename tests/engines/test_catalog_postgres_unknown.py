"""Connections that break when nobody can know whether a write took effect."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mediakiln.adapters.catalog.postgres import PostgresCatalog
from mediakiln.model.errors import EngineUnavailable, NotFound, VersionConflict
from mediakiln.ports.catalog import Record
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event, changed
from support.postgres import fresh_url
from support.wire import Proxy, Wire, proxied

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("postgres")]

CUTS = [Wire.CUT_REPLY, Wire.CUT_REQUEST]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with fresh_url(pool=1, timeout=3, connect_timeout=1) as url:
        yield url


@pytest.fixture
async def observer(url: str) -> AsyncIterator[PostgresCatalog]:
    """A catalog whose connections are sound."""
    engine = PostgresCatalog.from_url(url)
    await engine.ensure()
    yield engine
    await engine.close()


@pytest.fixture
async def wire(url: str) -> AsyncIterator[Proxy]:
    found = re.search(r"@[^/]*:(\d+)/", url)
    assert found
    async with proxied(int(found[1])) as proxy:
        yield proxy


@pytest.fixture
async def catalog(
    url: str, wire: Proxy, observer: PostgresCatalog
) -> AsyncIterator[PostgresCatalog]:
    """A catalog behind the wire, its one connection warm: the next answer is the write's."""
    engine = PostgresCatalog.from_url(re.sub(r"@[^/]*/", f"@127.0.0.1:{wire.port}/", url))
    asset = an_asset()
    await engine.create(asset, [event := an_event(asset)])
    await engine.update(changed(asset), expected=1, events=[other := an_event(asset)])
    await engine.update(changed(asset), expected=2)
    await engine.sent([(asset.id, event.message.id), (asset.id, other.message.id)])
    first = await engine.records("warm").put("k", {})
    await engine.records("warm").delete(
        "k", expected=await engine.records("warm").put("k", {}, expected=first)
    )
    assert await all_pending(observer) == []
    yield engine
    await engine.close()


@pytest.mark.parametrize("cut", CUTS)
async def test_a_create_is_done_once_and_acknowledged(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy, cut: Wire
) -> None:
    asset = an_asset()
    wire.state = cut
    written = await catalog.create(asset, [event := an_event(asset)])
    assert wire.cuts == 1
    assert written == asset.model_copy(update={"version": 1})
    assert await observer.get(asset.id) == written
    assert [kept.message for kept in await all_pending(observer)] == [event.message]


@pytest.mark.parametrize("cut", CUTS)
async def test_an_update_is_done_once_and_acknowledged(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy, cut: Wire
) -> None:
    asset = await observer.create(an_asset())
    change = changed(asset, name="new.jpg")
    wire.state = cut
    written = await catalog.update(change, expected=1, events=[event := an_event(asset)])
    assert wire.cuts == 1
    assert written == change.model_copy(update={"version": 2})
    assert await observer.get(asset.id) == written
    assert [kept.message for kept in await all_pending(observer)] == [event.message]


async def test_somebody_elses_write_in_between_is_a_conflict(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy
) -> None:
    asset = await observer.create(an_asset())
    wire.state, wire.after_cut = Wire.CUT_REPLY, Wire.REFUSING
    writing = asyncio.create_task(catalog.update(changed(asset, name="mine"), expected=1))
    await wire.was_cut.wait()
    theirs = await observer.update(changed(asset, name="theirs"), expected=2)
    wire.state = Wire.SOUND
    with pytest.raises(VersionConflict):
        await writing
    assert await observer.get(asset.id) == theirs


@pytest.mark.parametrize("cut", CUTS)
async def test_a_write_without_a_name_is_left_unknown_not_repeated(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy, cut: Wire
) -> None:
    asset = await observer.create(an_asset())
    wire.state = cut
    with pytest.raises(EngineUnavailable):
        await catalog.update(changed(asset, mutation_id=None), expected=1)
    stored = await observer.get(asset.id)
    assert stored is not None
    assert stored.version == (2 if cut is Wire.CUT_REPLY else 1)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("first", [True, False])
async def test_a_value_is_put_once_and_its_version_is_known(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy, *, cut: Wire, first: bool
) -> None:
    expected = None if first else await observer.records("s").put("k", {"n": 1})
    wire.state = cut
    version = await catalog.records("s").put("k", {"n": 2}, expected=expected)
    assert wire.cuts == 1
    assert await observer.records("s").get("k") == Record("k", {"n": 2}, version)


async def test_an_equal_value_of_somebody_else_never_passes_for_ours(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy
) -> None:
    version = await observer.records("s").put("k", {"n": 1})
    wire.state, wire.after_cut = Wire.CUT_REQUEST, Wire.REFUSING
    writing = asyncio.create_task(catalog.records("s").put("k", {"n": 2}, expected=version))
    await wire.was_cut.wait()
    await observer.records("s").put("k", {"n": 2}, expected=version)
    wire.state = Wire.SOUND
    with pytest.raises(VersionConflict):
        await writing


@pytest.mark.parametrize("cut", CUTS)
async def test_a_delete_is_done(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy, cut: Wire
) -> None:
    version = await observer.records("s").put("k", {})
    wire.state = cut
    await catalog.records("s").delete("k", expected=version)
    assert wire.cuts == 1
    assert await observer.records("s").get("k") is None


@pytest.mark.parametrize("cut", CUTS)
async def test_marks_and_reads_are_repeated(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy, cut: Wire
) -> None:
    asset = an_asset()
    written = await observer.create(asset, [event := an_event(asset)])
    wire.state = cut
    await catalog.sent([(asset.id, event.message.id)])
    assert await all_pending(observer) == []
    await catalog.get(asset.id)
    wire.state = cut
    assert await catalog.get(asset.id) == written
    assert wire.cuts == 2


async def test_a_write_waits_for_the_server_to_come_back_and_then_knows(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy
) -> None:
    asset = an_asset()
    wire.state, wire.after_cut = Wire.CUT_REPLY, Wire.REFUSING
    writing = asyncio.create_task(catalog.create(asset, [an_event(asset)]))
    await asyncio.sleep(1)
    assert not writing.done()
    wire.state = Wire.SOUND
    assert await writing == await observer.get(asset.id)
    assert len(await all_pending(observer)) == 1


@pytest.mark.parametrize("cut", CUTS)
async def test_a_server_that_stays_away_is_unavailable_and_a_repetition_settles_it(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy, cut: Wire
) -> None:
    asset = await observer.create(an_asset())
    change, events = changed(asset), [an_event(asset)]
    wire.state, wire.after_cut = cut, Wire.REFUSING
    with pytest.raises(EngineUnavailable):
        await catalog.update(change, expected=1, events=events)
    with pytest.raises(EngineUnavailable):
        await asyncio.wait_for(catalog.get(asset.id), 1)
    wire.state = Wire.SOUND
    written = await catalog.update(change, expected=1, events=events)
    assert written == await observer.get(asset.id)
    assert len(await all_pending(observer)) == 1


async def test_a_server_that_falls_silent_is_unavailable_in_time_and_recovers(
    catalog: PostgresCatalog, observer: PostgresCatalog, wire: Proxy
) -> None:
    asset = an_asset()
    start = asyncio.get_running_loop().time()
    wire.state = Wire.SILENT
    outcomes = await asyncio.gather(
        catalog.create(asset, [an_event(asset)]), catalog.get("x"), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [EngineUnavailable] * 2
    assert asyncio.get_running_loop().time() - start < 10
    wire.state = Wire.SOUND
    await catalog.create(asset, [an_event(asset)])
    assert len(await all_pending(observer)) <= 2
    assert await observer.get(asset.id) is not None


async def test_an_answer_of_no_is_not_repeated(catalog: PostgresCatalog, wire: Proxy) -> None:
    wire.state = Wire.CUT_REPLY
    missing: Any = an_asset()
    with pytest.raises(NotFound):
        await catalog.update(missing, expected=1, events=[an_event(missing)])
    assert wire.cuts == 1
