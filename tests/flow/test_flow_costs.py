"""What one asset costs in calls of the ports, as the page about engines says."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.broker.memory import MemoryBroker
from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.adapters.catalog.memory_records import MemoryRecords
from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.kind import AssetState
from mediakiln.roles.oneshot import pipeline
from mediakiln.roles.settings import Settings
from mediakiln.stages.derive.turns import SPACE as SWEEPS
from mediakiln.stages.reconcile.lost import SPACE as LOST

COUNTED = {
    MemoryCatalog: ("", ("create", "update", "get", "sent")),
    MemoryRecords: ("records ", ("get", "put")),
    MemoryBroker: ("", ("publish",)),
    MemoryObjectStore: (
        "",
        ("writer", "stream", "head", "download", "put_file", "put", "copy"),
    ),
}

HOUSEKEEPING = {SWEEPS, LOST}
"""Records that are looked at every few seconds or minutes, whatever comes in."""


def recipe(steps: int) -> str:
    return json.dumps(
        {"steps": {f"s{n}": {"op": "image.resize", "width": 20 + n} for n in range(steps)}}
    )


def counting(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the calls of every engine made from now on."""
    calls: Counter[str] = Counter()

    def counted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any, **keywords: Any) -> Any:
            if getattr(args[0], "_space", "") not in HOUSEKEEPING:
                calls[name] += 1
            return method(*args, **keywords)

        return call

    for engine, (prefix, names) in COUNTED.items():
        for name in names:
            method = counted(prefix + name, getattr(engine, name))
            monkeypatch.setattr(engine, name, method)
    return calls


async def quiet(calls: Counter[str], messages: int) -> None:
    """Until so many messages were sent and nothing was called for a while; looks at no engine."""
    before = -1
    while calls["publish"] < messages or calls.total() != before:
        before = calls.total()
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("steps", [1, 2, 4])
async def test_an_asset_makes_as_many_calls_as_the_page_says(
    steps: int, tmp_path: Path, made_samples: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(workers=1, log_level="warning")
    async with pipeline(settings, folder=tmp_path, store="memory://") as running:
        calls = counting(monkeypatch)
        wanted = running.recipes.resolve(json.loads(recipe(steps)))
        asset = await running.submit(made_samples["image"], recipe=wanted)
        await quiet(calls, 4 + steps)
        found = dict(calls)
        asset = await running.wait(asset.id)
    assert asset.state is AssetState.READY
    catalog = {"create": 1, "update": 3 + steps, "get": 3 + steps, "sent": 3}
    names = 2  # of kiln.jpg: the entry of its one word, and what names that
    index = {"records get": 2 * steps, "records put": steps + names}
    store = {"writer": 1, "stream": 1, "download": 1, "head": 2}
    store |= {"put_file": steps, "put": steps, "copy": 2 * steps}
    said = {**catalog, **index, **store, "publish": 4 + steps}
    # A machine that stands still for a while may have the relay or a conflict add a call.
    assert found.keys() == said.keys()
    assert {name: n for name, n in found.items() if not said[name] <= n <= said[name] + 2} == {}
