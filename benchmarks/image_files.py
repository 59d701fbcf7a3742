"""Pictures for the benchmark of images on request, made once, and assets that lie in a store."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyvips
from blake3 import blake3

from mediakiln.model.asset import Asset, Source
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState, Kind
from mediakiln.roles.engines import open_engines
from mediakiln.roles.settings import Settings

SIZES: Final[Mapping[str, tuple[int, int]]] = {
    "12mp.jpg": (4000, 3000),
    "2mp.png": (1632, 1224),
    "24mp.jpg": (6000, 4000),
}
TYPES: Final = {"jpg": "image/jpeg", "png": "image/png"}
_GRAIN: Final = 1024


def make(folder: Path) -> dict[str, Path]:
    """Pictures with smooth and fine parts, in the proportions of photographs, by their names."""
    made = {}
    for seed, (name, (width, height)) in enumerate(SIZES.items()):
        made[name] = folder / name
        image = picture(width, height, seed)
        if name.endswith(".png"):
            image.pngsave(str(made[name]), compression=6)
        else:
            image.jpegsave(str(made[name]), Q=90)
    return made


def picture(width: int, height: int, seed: int) -> Any:
    """Smooth and fine parts beside one another; lazily."""
    grain = pyvips.Image.gaussnoise(_GRAIN, _GRAIN, sigma=8, seed=seed).copy_memory()
    grain = grain.replicate(width // _GRAIN + 1, height // _GRAIN + 1).crop(0, 0, width, height)
    cell = max(256, width // 12)
    clouds = pyvips.Image.perlin(width, height, cell_size=cell, seed=seed) * 90 + 128
    edges = pyvips.Image.worley(width, height, cell_size=96, seed=seed)
    bands = [clouds + grain, clouds * 0.7 + edges, clouds + edges * 0.4 + grain]
    return bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb")


def seeded(data: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """Put each file into a data folder as a finished asset; their ids, by the files' names."""
    settings = Settings(data=data, auth=False, delivery="public", reserve_bytes=0)

    async def seed() -> dict[str, str]:
        engines = open_engines(settings)
        try:
            await engines.ensure()
            return {name: await _asset(engines, path) for name, path in files.items()}
        finally:
            await engines.close()

    return asyncio.run(seed())


async def _asset(engines: Any, path: Path) -> str:
    id, now = new_id(), datetime.now(UTC)
    key, content = f"default/2026/01/01/{id}", path.read_bytes()
    await engines.store.put(Bucket.INPUT, key, content)
    header = pyvips.Image.new_from_file(str(path))
    asset = Asset(
        id=id,
        name=path.name,
        state=AssetState.READY,
        kind=Kind.IMAGE,
        media_type=TYPES[path.suffix[1:]],
        bytes=len(content),
        checksum=f"blake3:{blake3(content).hexdigest()}",
        metadata={"width": header.width, "height": header.height},
        source=Source(key=key),
        created_at=now,
        run_started_at=now,
        updated_at=now,
        mutation_id=new_id(),
    )
    await engines.catalog.create(asset)
    return id
