import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from mediakiln.adapters.catalog import sqlite_records
from mediakiln.adapters.catalog.sqlite import SqliteCatalog
from mediakiln.adapters.catalog.sqlite_writer import Writer
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event
from support.waiting import eventually

Catalog = tuple[SqliteCatalog, list[str]]


@pytest.fixture
async def traced(tmp_path: Path) -> AsyncIterator[Catalog]:
    """A catalog, and every statement its connections run."""
    catalog, statements = SqliteCatalog(tmp_path / "catalog.db"), list[str]()
    await catalog.ensure()

    def trace(connection: sqlite3.Connection, _record: object) -> None:
        connection.set_trace_callback(statements.append)

    sa.event.listen(catalog._engine, "connect", trace)
    yield catalog, statements
    await catalog.close()


async def test_writes_that_wait_share_a_transaction(traced: Catalog) -> None:
    catalog, statements = traced
    await asyncio.gather(*(catalog.create(an_asset()) for _ in range(100)))
    assert statements.count("COMMIT") <= 10
    assert len((await catalog.list("default", limit=200)).assets) == 100


async def test_marks_join_the_next_commit(traced: Catalog) -> None:
    catalog, statements = traced
    assets = [an_asset() for _ in range(5)]
    events = [an_event(asset) for asset in assets]
    for asset, event in zip(assets, events, strict=True):
        await catalog.create(asset, [event])
        await catalog.sent([(asset.id, event.message.id)])
    assert statements.count("COMMIT") == 5
    assert await all_pending(catalog) == []


async def test_marks_alone_are_committed_soon_without_a_sync(
    traced: Catalog, tmp_path: Path
) -> None:
    catalog, statements = traced
    await catalog.create(asset := an_asset(), [event := an_event(asset)])
    statements.clear()
    await catalog.sent([(asset.id, event.message.id)])

    def marked() -> bool:
        with closing(sqlite3.connect(tmp_path / "catalog.db")) as db:
            return bool(db.execute("SELECT count(*) FROM outbox").fetchone() == (0,))

    await eventually(marked)
    assert statements[0] == "PRAGMA synchronous = NORMAL"
    assert statements.count("COMMIT") == 1
    statements.clear()
    await catalog.create(an_asset())
    assert statements[0] == "PRAGMA synchronous = FULL"


async def test_marks_are_committed_at_close(tmp_path: Path) -> None:
    catalog = SqliteCatalog(tmp_path / "catalog.db")
    await catalog.ensure()
    await catalog.create(asset := an_asset(), [event := an_event(asset)])
    await catalog.sent([(asset.id, event.message.id)])
    await catalog.close()
    with sqlite3.connect(tmp_path / "catalog.db") as db:
        assert db.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    db.close()


async def test_an_idle_writer_commits_nothing(traced: Catalog) -> None:
    catalog, statements = traced
    await catalog.create(an_asset())
    statements.clear()
    await asyncio.sleep(0.3)
    assert statements == []


async def test_a_write_that_breaks_the_transaction_fails_alone(traced: Catalog) -> None:
    catalog, _ = traced

    def broken(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO records VALUES ('s', 'half', '{}', 1, NULL)")
        raise ZeroDivisionError

    good = [an_asset() for _ in range(20)]
    outcomes = await asyncio.gather(
        *(catalog.create(asset, [an_event(asset)]) for asset in good[:10]),
        catalog._threads.writer.do(broken),
        *(catalog.create(asset, [an_event(asset)]) for asset in good[10:]),
        return_exceptions=True,
    )
    assert isinstance(outcomes[10], ZeroDivisionError)
    assert set(await catalog.get_many([asset.id for asset in good])) == {a.id for a in good}
    assert len(await all_pending(catalog)) == 20
    assert await catalog.records("s").get("half") is None


async def test_a_caller_that_gives_up_waiting_harms_nobody(traced: Catalog) -> None:
    catalog, _ = traced
    writing = asyncio.create_task(catalog.create(asset := an_asset()))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    other = await catalog.create(an_asset())
    # The outcome of the first is unknown to its caller; a repetition settles it.
    assert (await catalog.create(asset)).version == 1
    assert set(await catalog.get_many([asset.id, other.id])) == {asset.id, other.id}


async def test_a_catalog_serves_several_event_loops(traced: Catalog) -> None:
    catalog, _ = traced

    async def work() -> None:
        asset = await catalog.create(an_asset())
        assert await catalog.get(asset.id) == asset

    await asyncio.gather(work(), asyncio.to_thread(asyncio.run, work()))


async def test_what_was_asked_before_closing_is_still_done(tmp_path: Path) -> None:
    catalog = SqliteCatalog(tmp_path / "catalog.db")
    await catalog.ensure()
    assets = [an_asset() for _ in range(50)]
    tasks = [asyncio.create_task(catalog.create(asset)) for asset in assets]
    await asyncio.sleep(0)
    await catalog.close()
    assert [asset.id for asset in await asyncio.gather(*tasks)] == [asset.id for asset in assets]


async def test_expired_records_are_deleted_in_passing(
    traced: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, _ = traced
    monkeypatch.setattr(sqlite_records, "PURGE_ROWS", 10)
    monkeypatch.setattr(Writer, "PURGE_EVERY_S", 0.0)
    records = catalog.records("s")
    await records.put("kept", {})
    later = datetime.now(UTC) + timedelta(hours=1)
    await records.put("later", {}, expires_at=later)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await asyncio.gather(*(records.put(f"k{n}", {}, expires_at=past) for n in range(25)))
    for _ in range(4):
        await catalog.create(an_asset())
    with sqlite3.connect(tmp_path / "catalog.db") as db:
        assert db.execute("SELECT key FROM records").fetchall() == [("kept",), ("later",)]
    db.close()
