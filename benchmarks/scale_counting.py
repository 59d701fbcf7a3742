"""Which calls the pipeline makes on its catalog for one image of two steps, counted in a run."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.adapters.catalog.memory_records import MemoryRecords
from mediakiln.model.kind import AssetState
from mediakiln.model.recipe import Recipe
from mediakiln.ports.catalog import Catalog
from mediakiln.roles.oneshot import pipeline
from mediakiln.roles.settings import Settings

_RECIPE = {
    "steps": {
        "web": {"op": "image.resize", "width": 600, "format": "webp"},
        "thumb": {"op": "image.resize", "width": 100, "format": "webp"},
    }
}
_OF_AN_ASSET = ("create", "get", "update", "sent")
_MARKS_S = 0.2
"""The last events are marked as sent a moment after they were."""
_OF_RECORDS = ("get", "put")


async def calls_of_an_image() -> Counter[str]:
    """Calls by name; the sweeps of relay and reconcile, which serve all assets, are left out."""
    counts: Counter[str] = Counter()
    undo = [_count(MemoryCatalog, name, name, counts) for name in _OF_AN_ASSET]
    undo += [_count(MemoryRecords, name, f"records.{name}", counts) for name in _OF_RECORDS]
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            await _process(folder, counts)
    finally:
        for step in undo:
            step()
    return counts


async def _process(folder: Path, counts: Counter[str]) -> None:
    photo = folder / "photo.jpg"
    Image.new("RGB", (800, 600), (9, 99, 9)).save(photo)
    async with pipeline(Settings.given(), folder=folder / "data") as line:
        counts.clear()
        await line.submit(photo, recipe=Recipe.model_validate(_RECIPE))
        await _end(line.engines.catalog)
        await asyncio.sleep(_MARKS_S)


async def _end(catalog: Catalog) -> None:
    """Wait for the one asset's end; looking on by `get` would count."""
    state = AssetState.RECEIVED
    while not state.terminal:
        await asyncio.sleep(0.05)
        state = (await catalog.list("default")).assets[0].state


def _count(owner: type, method: str, name: str, counts: Counter[str]) -> Callable[[], None]:
    original = getattr(owner, method)

    async def counted(*args: Any, **named: Any) -> Any:
        counts[name] += 1
        return await original(*args, **named)

    setattr(owner, method, counted)
    return lambda: setattr(owner, method, original)
