"""What an asset costs its catalog at a million records, beside the same at a thousand.

    python benchmarks/catalog_scale.py [--json FILE]

SQLite always; PostgreSQL where MEDIAKILN_TEST_POSTGRES names a server; any other engine by its
URL in CATALOG, which is then filled by its own `create` for at most five minutes. SIZE is the
number of records (1,000,000); a tenth of them are in the middle of their run, with an event
waiting in the outbox.

Small and large catalogs are measured in turns, so that a machine whose speed drifts favours
neither. A life is what the pipeline does with an image of two steps, calls counted in a real run.
"""

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from figures import report
from mediakiln.adapters.broker.memory import MemoryBroker
from mediakiln.model.ids import new_id
from mediakiln.model.topology import TOPOLOGY
from mediakiln.ports.catalog import Catalog
from mediakiln.roles.engines import CATALOGS
from mediakiln.stages.join import Join
from mediakiln.stages.ledger import Ledger
from scale_counting import calls_of_an_image
from scale_lives import a_life, a_run, join_run
from scale_loading import fill

FEW = 1_000
SIZE = int(os.environ.get("SIZE", "1_000_000"))
ROUNDS, LIVES, AT_ONCE = 16, 40, 4
PAGE = 20
"""Events of a shard: as many are waiting in the small catalog too."""

Row = dict[str, Any]
Work = Callable[[Catalog], Awaitable[None]]


def measure() -> list[Row]:
    """Each figure once."""
    counted = asyncio.run(calls_of_an_image())
    rows = [_operations(counted)]
    with tempfile.TemporaryDirectory() as folder:
        urls = {"SQLite": f"sqlite:///{folder}/NAME.db"}
        if server := os.environ.get("MEDIAKILN_TEST_POSTGRES"):
            urls["PostgreSQL"] = f"{server}?schema=bench_NAME"
        if other := os.environ.get("CATALOG"):
            urls[other.partition(":")[0]] = other
        for engine, url in urls.items():
            rows += asyncio.run(_measure(engine, url))
    return rows


async def _measure(engine: str, url: str) -> list[Row]:
    async with _filled(url, "few", FEW) as (few, _), _filled(url, "many", SIZE) as (many, size):
        await _relative(few, many, _live, rounds=1)
        lives = await _relative(few, many, _live)
        joins = await _relative(few, many, _join)
        sweeps = await _relative(few, many, _sweep)
    at = f"{engine} at {size:,} records"
    return [
        _row(f"{at}: an asset's life", *lives),
        _row(f"{at}: the join of an asset", *joins),
        _row(f"{at}: the relay's page", *sweeps),
    ]


@asynccontextmanager
async def _filled(url: str, name: str, size: int) -> AsyncIterator[tuple[Catalog, int]]:
    url = url.replace("NAME", f"{name}_{new_id()[:8]}")
    module, _, kind = CATALOGS[url.partition(":")[0]].partition(":")
    engine = getattr(import_module(f"mediakiln.adapters.catalog.{module}"), kind)
    catalog: Catalog = engine.from_url(url)
    await catalog.ensure()
    try:
        async with fill(catalog, url, size) as made:
            yield catalog, made
    finally:
        await catalog.close()


async def _relative(
    few: Catalog, many: Catalog, work: Work, *, rounds: int = ROUNDS
) -> tuple[float, float]:
    """Milliseconds of one `work` in the large catalog and in the small one.

    The least of all rounds: whatever else the machine does only adds to it.
    """
    times: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(2 * rounds):
        large = turn % 4 in {1, 2}
        times[large].append(await _cost(work, many if large else few))
    return min(times[True]), min(times[False])


async def _cost(work: Work, catalog: Catalog) -> float:
    numbers = iter(range(LIVES))

    async def worker() -> None:
        for _ in numbers:
            await work(catalog)

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return (time.perf_counter() - start) * 1000 / LIVES


async def _live(catalog: Catalog) -> None:
    await a_life(catalog)


async def _join(catalog: Catalog) -> None:
    broker = MemoryBroker()
    await broker.ensure(TOPOLOGY)
    ledger = Ledger(catalog, broker)
    await join_run(Join(ledger), await a_run(catalog))
    await ledger.drain()


async def _sweep(catalog: Catalog) -> None:
    await catalog.outbox(before=datetime.now(UTC) + timedelta(hours=1), shard=1, limit=PAGE)


def _operations(counted: Counter[str]) -> Row:
    said = ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
    return {
        "name": f"catalog operations of an image: {said}",
        "value": counted.total(),
        "unit": "calls",
        "rival": None,
        "ratio": None,
        "target": None,
        "holds": None,
    }


def _row(name: str, many: float, few: float) -> Row:
    ratio = many / few
    return {
        "name": name,
        "value": round(many, 2),
        "unit": "ms",
        "rival": f"at {FEW:,}: {few:.2f} ms",
        "ratio": round(ratio, 3),
        "target": "<= 1.5",
        "holds": ratio <= 1.5,
    }


if __name__ == "__main__":
    report(measure, __doc__)
