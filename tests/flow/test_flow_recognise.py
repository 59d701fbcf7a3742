"""What images show, through the whole pipeline."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from PIL import Image

from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState
from mediakiln.roles.oneshot import Pipeline
from mediakiln.roles.reconcile import _purge
from mediakiln.stages.search import Search
from support.waiting import eventually

Submit = Callable[..., Awaitable[Asset]]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("flow")]


async def test_a_model_is_read_inside_the_sandbox(submit: Submit, tmp_path: Path) -> None:
    path = tmp_path / "dusk.png"
    Image.new("RGB", (64, 48), (204, 0, 51)).save(path)
    asset = await submit(path, {"steps": {"seen": {"op": "image.labels"}}})
    assert asset.state is AssetState.READY, asset.error
    (file,) = asset.published["seen"].files or ()
    assert file.metadata["labels"] == [
        {"name": "red", "confidence": 0.8, "model": "colours"},
        {"name": "blue", "confidence": 0.2, "model": "colours"},
    ]
    assert file.metadata["safety"] == {"score": 0.2, "unsafe": {"red": 0.8}}


async def test_what_was_seen_is_found_until_the_asset_is_purged(
    submit: Submit, running: Pipeline, tmp_path: Path
) -> None:
    path = tmp_path / "noon.png"
    Image.new("RGB", (64, 48), (0, 255, 0)).save(path)
    asset = await submit(path, {"steps": {"seen": {"op": "image.labels"}}})
    search = Search(running.engines.catalog)

    async def found() -> list[str]:
        return [each.id for each in (await search.find("default", "green")).assets]

    async def is_found() -> bool:
        return await found() == [asset.id]

    await eventually(is_found)
    await _purge(running.engines)("default", asset.id)
    assert await found() == []
