"""An object that another program puts into the bucket goes through the whole pipeline."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import obstore
import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.drops import Drop
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState
from mediakiln.model.messages import ObjectCreated
from mediakiln.roles.oneshot import Pipeline, pipeline
from mediakiln.roles.settings import Settings
from support.waiting import eventually

RULES = (Drop(prefix="drop/team-a/", uploader="team-a", tags=("dropped",)),)


async def dropped(running: Pipeline, key: str, photo: Path) -> None:
    assert isinstance(running.engines.store, MemoryObjectStore)
    shelf = running.engines.store._shelf(Bucket.INPUT)
    said = {"mediakiln-recipe": "image"}
    obstore.put(shelf, key, photo.read_bytes(), attributes=said, use_multipart=False)


async def ended(running: Pipeline) -> list[tuple[str, str]]:
    """Names and states, once every asset's run has ended."""
    page = await running.engines.catalog.list("default")
    assets = [await running.wait(asset.id) for asset in page.assets]
    return sorted((asset.name, asset.state.value) for asset in assets)


@pytest.mark.parametrize("told", [True, False], ids=["told", "lost"])
async def test_an_object_dropped_is_an_asset_that_becomes_ready(
    tmp_path: Path, made_samples: dict[str, Path], told: bool
) -> None:
    settings = Settings(drops=RULES, workers=1, lost_grace_s=1, log_level="warning")
    async with pipeline(settings, folder=tmp_path, store="memory://") as running:
        key = "drop/team-a/photo.jpg"
        await dropped(running, key, made_samples["image"])
        if told:
            event = ObjectCreated(asset="k", key=key, bytes=1).to_message()
            await running.engines.broker.publish("objects", [event, event])

        async def is_there() -> bool:
            return bool((await running.engines.catalog.list("default")).assets)

        await eventually(is_there, within_s=60)
        async with asyncio.timeout(60):
            assert await ended(running) == [("photo.jpg", AssetState.READY.value)]
        (asset,) = (await running.engines.catalog.list("default")).assets
        assert (asset.uploader, asset.tags) == ("team-a", ("dropped",))
        assert set(asset.visible) == {"thumb", "web"}
        assert asset.created_at <= datetime.now(UTC)
