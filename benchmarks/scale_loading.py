"""Fills a catalog with records by the fastest way its engine has."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.schema import SHARDS
from mediakiln.model.ids import new_id
from mediakiln.model.kind import AssetState, Kind
from mediakiln.ports.catalog import Catalog
from mediakiln.testing.catalog_samples import an_asset, an_event
from scale_lives import EXIF

RUNNING = 10
"""One record in so many is in the middle of its run."""
BATCH = 20_000
LOAD_S = 300.0
AT_ONCE = 32

_ASSETS = (
    "id", "project", "state", "kind", "created_at", "updated_at", "due_at", "shard", "version",
    "mutation_id", "body",
)  # fmt: skip
_OUTBOX = (
    "asset", "message", "shard", "topic", "key", "project", "delay", "body", "created_at"
)  # fmt: skip

Rows = list[tuple[Any, ...]]


@asynccontextmanager
async def fill(catalog: Catalog, url: str, size: int) -> AsyncIterator[int]:
    """Fill it; yields how many records there are. What was made for it on a server is dropped."""
    start = time.monotonic()
    if url.startswith("sqlite:"):
        await asyncio.to_thread(_into_sqlite, url.removeprefix("sqlite:///"), size)
        yield size
    elif url.startswith("postgresql:"):
        async with _into_postgres(url, size):
            print(f"  {size:,} records in {time.monotonic() - start:.0f} s", flush=True)
            yield size
    else:
        yield await _by_itself(catalog, size)


def _batches(size: int) -> Iterator[tuple[Rows, Rows]]:
    """Rows of assets and of their events: one record's text, under as many ids."""
    begin = datetime.now(UTC) - timedelta(days=365)
    due = rules.micros(datetime.now(UTC) + timedelta(hours=1))
    numbers = iter(range(size))
    while batch := list(islice(numbers, BATCH)):
        samples = {
            state: an_asset(
                id="ID", created_at=begin + timedelta(seconds=batch[0]), state=state, version=4,
                kind=Kind.IMAGE, metadata=EXIF,
            )
            for state in (AssetState.READY, AssetState.PROCESSING)
        }  # fmt: skip
        texts = {state: rules.encode(sample) for state, sample in samples.items()}
        message = an_event(samples[AssetState.READY]).message
        assets: Rows = []
        events: Rows = []
        for number in batch:
            running = number % RUNNING == 0
            state = AssetState.PROCESSING if running else AssetState.READY
            id, at = new_id(), rules.micros(samples[state].created_at)
            shard = rules.shard_of(id, SHARDS)
            text = texts[state].replace('"ID"', f'"{id}"')
            assets.append(
                (id, "default", state.value, "image", at, at, due if running else None, shard, 4,
                 id, text)
            )  # fmt: skip
            if running:
                events.append(
                    (id, new_id(), shard, "received", id, "default", 0.0, message.body, at)
                )
        yield assets, events


def _into_sqlite(path: str, size: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for assets, events in _batches(size):
            db.execute("BEGIN IMMEDIATE")
            for table, columns, rows in (("assets", _ASSETS, assets), ("outbox", _OUTBOX, events)):
                marks = ", ".join("?" * len(columns))
                sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names
                db.executemany(sql, rows)
            db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with Path(path).open("rb") as file:
        # Otherwise the first durable writes wait for what the load has left unwritten.
        os.fsync(file)


@asynccontextmanager
async def _into_postgres(url: str, size: int) -> AsyncIterator[None]:
    # Not at the top: it comes with an extra.
    import asyncpg

    base, _, schema = url.partition("?schema=")
    connection = await asyncpg.connect(base)
    try:
        await connection.execute(f"SET search_path TO {schema}; SET synchronous_commit = off")
        for assets, events in _batches(size):
            await connection.copy_records_to_table("assets", records=assets, columns=_ASSETS)
            await connection.copy_records_to_table("outbox", records=events, columns=_OUTBOX)
        # What autovacuum would do sooner or later, and not in the middle of a measurement.
        await connection.execute("VACUUM ANALYZE assets, outbox, records")
        await connection.execute("CHECKPOINT")
        yield
    finally:
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.close()


async def _by_itself(catalog: Catalog, size: int) -> int:
    """As many as there is time for, by the port's own `create`."""
    numbers = iter(range(size))
    until = time.monotonic() + LOAD_S
    made = 0

    async def worker() -> None:
        nonlocal made
        for number in numbers:
            if time.monotonic() > until:
                return
            state = AssetState.READY if number % RUNNING else AssetState.PROCESSING
            asset = an_asset(state=state, kind=Kind.IMAGE, metadata=EXIF)
            await catalog.create(asset, [] if number % RUNNING else [an_event(asset)])
            made += 1

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return made
