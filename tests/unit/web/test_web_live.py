"""Live views: server-sent events and waiting."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import httpx2
import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState
from mediakiln.stages.ledger import Change
from mediakiln.web.live import Live
from support.site import Site, until_watched
from support.waiting import eventually
from support.world import World


async def step(world: World, id: str, state: AssetState) -> Asset:
    return await world.ledger.change(
        id, lambda asset: Change(asset.model_copy(update={"state": state}))
    )


async def events(site: Site, id: str) -> AsyncIterator[dict[str, Any]]:
    async with site.http.stream("GET", f"/v1/assets/{id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for event in httpx2.EventSource(answer):
            assert event.event == "asset"
            yield json.loads(event.data)


async def test_events_tell_every_change_until_the_end(site: Site) -> None:
    asset = await site.world.upload()
    seen = []
    async for view in events(site, asset.id):
        seen.append(view["state"])
        if view["state"] == "received":
            await step(site.world, asset.id, AssetState.PROCESSING)
        elif view["state"] == "processing":
            await step(site.world, asset.id, AssetState.READY)
    assert seen == ["received", "processing", "ready"]


async def test_events_of_a_finished_asset_are_one_and_the_end(site: Site) -> None:
    asset = await site.world.upload()
    await step(site.world, asset.id, AssetState.FAILED)
    assert [view["state"] async for view in events(site, asset.id)] == ["failed"]


async def test_events_end_when_the_asset_is_deleted(site: Site) -> None:
    asset = await site.world.upload()
    seen = []
    async for view in events(site, asset.id):
        seen.append(view["state"])
        await site.world.manage.delete(asset.id)
    assert seen == ["received", "deleting"]


async def test_events_of_nothing_are_a_404(site: Site) -> None:
    answer = await site.http.get("/v1/assets/nix/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_waiting_ends_with_the_run_or_with_patience(site: Site) -> None:
    asset = await site.world.upload()
    began = time.monotonic()
    waited = await site.http.get(f"/v1/assets/{asset.id}?wait=0.3")
    assert waited.json()["state"] == "received"
    assert 0.25 <= time.monotonic() - began < 30
    waiting = asyncio.create_task(site.http.get(f"/v1/assets/{asset.id}?wait=60"))
    await until_watched(site.server)
    await step(site.world, asset.id, AssetState.READY)
    assert (await waiting).json()["state"] == "ready"
    refused = await site.http.get(f"/v1/assets/{asset.id}?wait=61")
    assert (refused.status_code, refused.json()["field"]) == (422, "wait")


async def test_a_server_that_stops_ends_its_live_views_at_once(site: Site) -> None:
    asset = await site.world.upload()
    began = time.monotonic()
    async for _ in events(site, asset.id):
        site.server.should_exit = True
    assert time.monotonic() - began < 10, "not after a heartbeat or two"


class Counted(MemoryCatalog):
    """Remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Asset]:
        self.asked.append(list(ids))
        return await super().get_many(ids)


async def test_one_poller_serves_all_watchers_and_rests_without_any(world_counted: World) -> None:
    catalog = world_counted.catalog
    assert isinstance(catalog, Counted)
    asset = await world_counted.upload()
    live = Live(catalog, every_s=0.02)
    began = time.monotonic()

    async def watch() -> list[str]:
        async with aclosing(live.changes(asset, quiet_s=5)) as changes:
            return [news.state async for news in changes if news is not None]

    watchers = [asyncio.create_task(watch()) for _ in range(20)]
    await eventually(lambda: live.watched == 1)
    await step(world_counted, asset.id, AssetState.READY)
    assert await asyncio.gather(*watchers) == [["received", "ready"]] * 20
    assert {tuple(ids) for ids in catalog.asked} == {(asset.id,)}
    assert len(catalog.asked) <= (time.monotonic() - began) / 0.02 + 1, "as often as for one"
    await eventually(lambda: live._poller is not None and live._poller.done())
    asked = len(catalog.asked)
    await asyncio.sleep(0.1)
    assert (len(catalog.asked), live.watched) == (asked, 0)


async def test_silence_is_told_so_that_a_heartbeat_can_be_sent(world_counted: World) -> None:
    asset = await world_counted.upload()
    live = Live(world_counted.catalog, every_s=0.02)
    async with aclosing(live.changes(asset, quiet_s=0.01)) as changes:
        found = [await anext(changes) for _ in range(3)]
    assert found == [asset, None, None]


@pytest.fixture
async def world_counted(tmp_path: Any) -> World:
    """A world whose catalog counts."""
    from support.world import NoRunner

    made = World(tmp=tmp_path, runner=NoRunner(), catalog=Counted())  # type: ignore[arg-type]
    await made.start()
    return made
