"""The SQLite catalog beside bare sqlite3 doing the same work, and with 100 times the records.

    python benchmarks/catalog.py [FOLDER]

Both sides write durably (WAL, synchronous FULL) to the same disk: a record and its event per
write. Writes come from eight at once; bare sqlite3 makes a transaction of each, as eight
independent callers would.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from figures import report
from mediakiln.adapters.catalog import sqlite_assets
from mediakiln.adapters.catalog.sqlite import SqliteCatalog
from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState
from mediakiln.testing.catalog_samples import an_asset, an_event, changed

FEW, MANY = 1_000, 100_000
READS, WRITES, WRITERS = 4_000, 1_600, 8

Row = dict[str, Any]


def measure(folder: Path | None = None) -> list[Row]:
    """Each figure once, in about a minute."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        return asyncio.run(_measure(Path(name)))


async def _measure(folder: Path) -> list[Row]:
    catalog = SqliteCatalog(folder / "catalog.db")
    await catalog.ensure()

    async def page(_: int) -> None:
        await catalog.list("default", state=AssetState.RECEIVED)

    few = _fill(catalog, FEW)
    reads, writes = await _rates(catalog, few)
    raw_reads, raw_writes = _raw_rates(folder / "raw.db", few)
    lists = await _rate(page, 200, 1)
    many = few + _fill(catalog, MANY - FEW)
    reads_many, writes_many = await _rates(catalog, many[:: MANY // FEW])
    lists_many = await _rate(page, 200, 1)
    await catalog.close()
    return [
        _row("catalog reads, 8 at once", reads, raw_reads, "bare sqlite3, one thread", 0.05),
        _row("catalog writes, 8 at once", writes, raw_writes, "bare sqlite3, a commit each", 0.5),
        _row("catalog reads at 100k records", reads_many, reads, "at 1k records", 0.5),
        _row("catalog writes at 100k records", writes_many, writes, "at 1k records", 0.4),
        _row("catalog pages of 50 at 100k records", lists_many, lists, "at 1k records", 0.5),
    ]


def _fill(catalog: SqliteCatalog, count: int) -> list[Asset]:
    """Records written straight to the tables, in one transaction."""
    made = [an_asset(metadata={"exif": "x" * 600}) for _ in range(count)]
    with catalog._engine.connect() as connection:  # noqa: SLF001 - no port has a bulk load
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        for asset in made:
            sqlite_assets.create(asset, [])(connection)
        connection.commit()
    return made


async def _rates(catalog: SqliteCatalog, assets: Sequence[Asset]) -> tuple[float, float]:
    reads = await _rate(lambda n: catalog.get(assets[n % len(assets)].id), READS, WRITERS)
    current = await catalog.get_many([asset.id for asset in assets])

    async def write(n: int) -> None:
        asset = current[assets[n % len(assets)].id]
        version = asset.version + n // len(assets)
        await catalog.update(changed(asset), expected=version, events=[an_event(asset)])

    return reads, await _rate(write, WRITES, WRITERS)


async def _rate(work: Callable[[int], Awaitable[Any]], count: int, workers: int) -> float:
    """Calls a second, with so many under way at once."""
    numbers = iter(range(count))

    async def worker() -> None:
        for n in numbers:
            await work(n)

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(workers)))
    return count / (time.perf_counter() - start)


def _raw_rates(path: Path, assets: Sequence[Asset]) -> tuple[float, float]:
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE assets (id TEXT PRIMARY KEY, version INTEGER, body TEXT);"
        "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, asset TEXT, body BLOB);"
    )
    rows = [(asset.id, asset.model_dump_json()) for asset in assets]
    db.execute("BEGIN")
    db.executemany("INSERT INTO assets VALUES (?, 1, ?)", rows)
    db.execute("COMMIT")
    start = time.perf_counter()
    for n in range(READS):
        found = db.execute("SELECT body FROM assets WHERE id = ?", (rows[n % FEW][0],))
        Asset.model_validate_json(found.fetchone()[0])
    reads = READS / (time.perf_counter() - start)
    event = an_event(assets[0]).message.body
    start = time.perf_counter()
    for n in range(WRITES):
        id, body = rows[n % FEW][0], assets[n % FEW].model_dump_json()
        db.execute("BEGIN IMMEDIATE")
        version = (body, id, 1 + n // FEW)
        db.execute(
            "UPDATE assets SET version = version + 1, body = ? WHERE id = ? AND version = ?",
            version,
        )
        db.execute("INSERT INTO outbox (asset, body) VALUES (?, ?)", (id, event))
        db.execute("COMMIT")
    writes = WRITES / (time.perf_counter() - start)
    db.close()
    return reads, writes


def _row(name: str, value: float, rival: float, against: str, target: float) -> Row:
    ratio = value / rival
    return {
        "name": name,
        "value": round(value),
        "unit": "1/s",
        "rival": f"{against}: {rival:,.0f}",
        "ratio": round(ratio, 3),
        "target": f">= {target}",
        "holds": ratio >= target,
    }


if __name__ == "__main__":
    report(measure, __doc__)
