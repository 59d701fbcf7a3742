"""The whole pipeline in one process, for a few files: what `mediakiln process` runs.

The same stages, consumers and sandbox as everywhere else, on memory engines; nothing stays
but the products that the caller takes out.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mediakiln.model.asset import Asset
from mediakiln.model.keys import Bucket
from mediakiln.model.product import StoredFile
from mediakiln.model.recipe import Recipe
from mediakiln.model.upload import Offer
from mediakiln.roles import parts
from mediakiln.roles.engines import Engines, open_engines
from mediakiln.roles.service import Service, Together
from mediakiln.roles.settings import Settings
from mediakiln.roles.table import builder
from mediakiln.stages.deliver import Deliver
from mediakiln.stages.receive import Receive
from mediakiln.stages.recipes import RecipeBook

ROLES = ("receive", "classify", "process", "join", "notify", "relay", "reconcile", "dead")
_POLL_S = 0.02
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A running pipeline."""

    engines: Engines
    recipes: RecipeBook
    receive: Receive
    deliver: Deliver
    running: asyncio.Task[None]
    """The roles; done before the pipeline is closed only if one could not go on."""

    async def submit(self, path: Path, *, recipe: Recipe | None, name: str | None = None) -> Asset:
        """Take a file in; raises what `Receive` raises."""
        offer = Offer(name=name or path.name, recipe=recipe, size=path.stat().st_size)
        return await self.receive(offer, _chunks(path))

    async def wait(self, id: str) -> Asset:
        """The asset, once its run has ended; raises what ended the roles, if they end before."""
        while True:
            if self.running.done():
                await self.running
            asset = await self.deliver.asset(id)
            if asset.state.terminal:
                return asset
            await asyncio.sleep(_POLL_S)

    async def take(self, asset: Asset, folder: Path) -> Mapping[str, Path]:
        """Write an asset's products to `folder`; product name (`step/file`) to path."""
        written: dict[str, Path] = {}
        for step, products in asset.visible.items():
            for file in await self.deliver.files(products):
                path = folder / _flat(asset, step, file, count=products.count)
                path.parent.mkdir(parents=True, exist_ok=True)
                await self.engines.store.download(Bucket.PRODUCTION, file.key, path)
                written[f"{step}/{file.file}"] = path
        return written


@asynccontextmanager
async def pipeline(
    settings: Settings, *, folder: Path, store: str | None = None
) -> AsyncIterator[Pipeline]:
    """Run every consuming role while the body works, with queues and records in memory.

    Bytes are in `folder` unless another store is named: a video need not fit in memory.
    """
    memory = settings.model_copy(
        update={
            "data": folder,
            "store": store or f"file://{folder.resolve()}/store",
            "broker": "memory://",
            "catalog": "memory://",
            "reserve_bytes": 0,
            "max_upload_bytes": 1 << 50,
        }
    )
    engines = open_engines(memory, shared=False)
    await engines.ensure()
    stop = asyncio.Event()
    services: Sequence[Service] = [builder(role)(memory, engines) for role in ROLES]
    running = asyncio.create_task(Together(services).run(stop))
    try:
        yield Pipeline(
            engines=engines,
            recipes=parts.recipe_book(memory),
            receive=parts.receive(memory, engines),
            deliver=Deliver(engines.catalog, engines.store),
            running=running,
        )
    finally:
        stop.set()
        try:
            await running
        finally:
            await engines.close()


def _flat(asset: Asset, step: str, file: StoredFile, *, count: int) -> Path:
    """`{stem}-{step}.{ext}` for a step with one file, else `{stem}-{step}/{file}`."""
    stem = asset.name.rpartition(".")[0] or asset.name
    if count == 1:
        suffix = Path(file.file).suffix
        return Path(f"{stem}-{step}{suffix}")
    return Path(f"{stem}-{step}") / file.file


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
