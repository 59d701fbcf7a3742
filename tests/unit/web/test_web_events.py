"""A project's events, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState, Kind
from mediakiln.stages.ledger import Change
from mediakiln.web.events import feed as feeds
from mediakiln.web.events.feed import Feeds
from mediakiln.web.events.told import Wanted, moment_of
from support.site import Site
from support.world import World


async def step(world: World, id: str, state: AssetState, **more: Any) -> Asset:
    return await world.ledger.change(
        id, lambda asset: Change(asset.model_copy(update={"state": state, **more}))
    )


Event = tuple[str, dict[str, Any]]


@asynccontextmanager
async def events(
    site: Site, query: str = "", *, last: str = ""
) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of the project, once the server listens."""
    headers = {"Last-Event-ID": last} if last else {}
    async with site.http.stream("GET", f"/v1/events{query}", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith(":")
        yield parsed(lines)


async def parsed(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """Ids and data."""
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        fields |= {name: value} if name else {}
        if not line and "data" in fields:
            assert fields.pop("event") == "asset"
            yield fields["id"], json.loads(fields.pop("data"))


async def heard(stream: AsyncIterator[Event], count: int) -> list[Event]:
    """The next events."""
    async with asyncio.timeout(20):
        return [await anext(stream) for _ in range(count)]


async def test_every_state_of_every_asset_of_the_project_is_told(site: Site) -> None:
    old = await site.world.upload(name="old.txt")
    async with events(site) as stream:
        new = await site.world.upload(name="new.txt")
        ((_, first),) = await heard(stream, 1)
        assert (first["id"], first["state"], first["name"]) == (new.id, "received", "new.txt")
        await step(site.world, old.id, AssetState.PROCESSING)
        ((_, second),) = await heard(stream, 1)
        assert (second["id"], second["state"]) == (old.id, "processing")
        await step(site.world, old.id, AssetState.READY)
        ((_, third),) = await heard(stream, 1)
        assert (third["id"], third["state"]) == (old.id, "ready")


async def test_a_listener_hears_of_the_states_and_assets_it_asks_for(site: Site) -> None:
    one, two = await site.world.upload(), await site.world.upload()
    async with events(site, f"?asset={one.id}&asset={two.id}&state=ready") as stream:
        await step(site.world, two.id, AssetState.PROCESSING)
        other = await site.world.upload()
        await step(site.world, other.id, AssetState.READY)
        await step(site.world, one.id, AssetState.READY, kind=Kind.DOCUMENT)
        ((_, told),) = await heard(stream, 1)
        assert (told["id"], told["state"], told["kind"]) == (one.id, "ready", "document")


async def test_named_assets_are_told_at_once_as_they_are(site: Site) -> None:
    asset = await site.world.upload()
    async with events(site, f"?asset={asset.id}") as stream:
        ((_, told),) = await heard(stream, 1)
        assert (told["id"], told["state"]) == (asset.id, "received")


async def test_who_comes_back_hears_what_it_has_missed(site: Site) -> None:
    before = await site.world.upload()
    async with events(site, f"?asset={before.id}") as stream:
        ((last, _),) = await heard(stream, 1)
    site.world.clock.forward(seconds=60)
    missed = await site.world.upload(name="missed.txt")
    await step(site.world, before.id, AssetState.READY)
    async with events(site, last=last) as stream:
        found = {told["id"]: told["state"] for _, told in await heard(stream, 2)}
    assert found == {missed.id: "received", before.id: "ready"}


async def test_another_project_s_assets_are_not_told(site: Site) -> None:
    foreign = await site.world.upload(project="other")
    async with events(site, f"?asset={foreign.id}") as stream:
        await step(site.world, foreign.id, AssetState.READY)
        own = await site.world.upload()
        async with asyncio.timeout(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    await anext(stream)
    assert own.project == "default"


@pytest.mark.parametrize("query", ["?asset=nix", "?state=nix", "?kind=nix"])
async def test_what_cannot_be_wanted_is_refused(site: Site, query: str) -> None:
    answer = await site.http.get(f"/v1/events{query}")
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] == "invalid_request"


async def test_one_poller_serves_all_listeners_and_ends_with_the_last(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = 0
    real = world.catalog.list

    async def counted(*args: Any, **more: Any) -> Any:
        nonlocal lists
        lists += 1
        return await real(*args, **more)

    monkeypatch.setattr(world.catalog, "list", counted)
    opened = Feeds(world.catalog, ended=lambda: False, every_s=0.05)
    streams = [opened.listen("default", Wanted(), since=None, quiet_s=0.02) for _ in range(50)]
    for stream in streams:
        assert await anext(stream) is None
    begun = lists
    looks = 0
    feed = opened._feeds["default"]
    look = feed.look

    async def looked() -> None:
        nonlocal looks
        looks += 1
        await look()

    monkeypatch.setattr(feed, "look", looked)
    asset = await world.upload()
    for stream in streams:
        async with asyncio.timeout(10):
            while (told := await anext(stream)) is None:
                pass
        assert json.loads(told.data)["id"] == asset.id
    assert lists - begun <= 4 * (looks + 1), "as often for fifty as for one"
    for stream in streams:
        await stream.aclose()
    assert opened.listeners == 0
    assert feed.poller is not None
    async with asyncio.timeout(10):
        await feed.poller
    assert not opened._feeds


async def test_a_listener_too_far_behind_must_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MAX_PENDING", 2)
    opened = Feeds(world.catalog, ended=lambda: False, every_s=0.05)
    async with aclosing(opened.listen("default", Wanted(), since=None, quiet_s=0.02)) as stream:
        assert await anext(stream) is None
        for _ in range(4):
            await world.upload()
        async with asyncio.timeout(10):
            async for _ in stream:
                await asyncio.sleep(0.3)


async def test_listeners_end_when_the_service_stops(world: World) -> None:
    stopping = False
    opened = Feeds(world.catalog, ended=lambda: stopping, every_s=0.05)
    async with aclosing(opened.listen("default", Wanted(), since=None, quiet_s=600)) as stream:
        assert await anext(stream) is None
        following = asyncio.ensure_future(anext(stream, "ended"))
        stopping = True
        assert await asyncio.wait_for(following, 60) == "ended"


@pytest.fixture
def world(site: Site) -> World:
    return site.world


def test_ids_that_are_not_ours_mean_nothing() -> None:
    at = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    assert moment_of(f"{int(at.timestamp() * 1e6)}-x") == at
    for wrong in ("", "x", "1", "-a", "x-a", "9" * 30 + "-a", "²-a", "9" * 18 + "-a"):
        assert moment_of(wrong) is None
