"""PostgreSQL's sessions ended, the server restarted and killed, all of it under load."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from mediakiln.adapters.catalog.postgres import PostgresCatalog
from mediakiln.adapters.catalog.postgres.purge import Purge
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable
from mediakiln.ports.catalog import Outgoing
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event, changed
from support.pg_server import OwnServer
from support.postgres import administrator, fresh_url
from support.servers import server
from support.waiting import eventually

pytestmark = [pytest.mark.engines, pytest.mark.faults, pytest.mark.xdist_group("postgres")]

WRITERS, UPDATES = 8, 4


class Load:
    """Writers that make records with an event per version, and repeat what is unavailable."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        self.catalog = catalog
        self.acknowledged: dict[str, int] = {}
        self.outages = 0
        self.written = [0] * WRITERS
        self._running = True

    async def run(self, disturb: Callable[[], None] | None = None, *, seconds: float) -> None:
        """Write for so long, or until `disturb` (run in a thread) is done, whichever is later."""
        writers = [asyncio.create_task(self._write(number)) for number in range(WRITERS)]
        await asyncio.sleep(seconds / 2)
        if disturb is not None:
            await asyncio.to_thread(disturb)
        await asyncio.sleep(seconds / 2)
        self._running = False
        await asyncio.gather(*writers)

    async def _write(self, number: int) -> None:
        while self._running:
            asset = an_asset(metadata={"filler": "x" * 2000})
            await self._repeat(asset, None)
            self.written[number] += 1
            for version in range(1, 1 + UPDATES):
                await self._repeat(changed(asset), version)
                self.written[number] += 1

    async def _repeat(self, asset: Asset, expected: int | None) -> None:
        events = [an_event(asset)]
        while True:
            try:
                written = await self._once(asset, expected, events)
            except EngineUnavailable:
                self.outages += 1
                await asyncio.sleep(0.05)
            else:
                self.acknowledged[asset.id] = written.version
                return

    async def _once(self, asset: Asset, expected: int | None, events: list[Outgoing]) -> Asset:
        if expected is None:
            return await self.catalog.create(asset, events)
        return await self.catalog.update(asset, expected=expected, events=events)

    async def audit(self) -> None:
        """Every acknowledged version is there, and each version's event once."""
        assert len(self.acknowledged) > WRITERS
        stored = await self.catalog.get_many(list(self.acknowledged))
        assert {id: asset.version for id, asset in stored.items()} == self.acknowledged
        events: Counter[str] = Counter()
        for kept in await all_pending_of(self.catalog):
            events[kept] += 1
        assert events == self.acknowledged


async def all_pending_of(catalog: PostgresCatalog) -> list[str]:
    """The asset of every event there is, however many."""
    found: list[str] = []
    while waiting := await all_pending(catalog):
        found += [kept.asset for kept in waiting]
        await catalog.sent([(kept.asset, kept.message.id) for kept in waiting])
    return found


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with fresh_url(pool=4) as url:
        yield url


@pytest.fixture
async def catalog(url: str) -> AsyncIterator[PostgresCatalog]:
    engine = PostgresCatalog.from_url(url)
    await engine.ensure()
    yield engine
    await engine.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnServer]:
    server("POSTGRES", "postgres")
    made = OwnServer(tmp_path)
    made.up()
    yield made
    made.remove()


def _got_on(load: Load, seen: Sequence[int], writing: "asyncio.Task[None]") -> bool:
    """Whether every writer has written since, more than what may have been on its way."""
    return writing.done() or all(
        now >= before + 2 for now, before in zip(load.written, seen, strict=True)
    )


async def test_sessions_ended_all_the_time_lose_and_double_nothing(url: str) -> None:
    catalog = PostgresCatalog.from_url(f"{url}&application_name=victim")
    await catalog.ensure()
    load = Load(catalog)
    writing = asyncio.create_task(load.run(seconds=4))
    ended = 0
    async with administrator() as connection:
        while not writing.done():
            seen = list(load.written)
            ended += await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name = 'victim'"
            )
            # Whoever was cut off is to get on, however slow the machine: a few tries are made.
            await eventually(partial(_got_on, load, seen, writing))
    await writing
    assert ended > 2 * WRITERS
    assert load.outages == 0
    await load.audit()
    await catalog.close()


@pytest.mark.parametrize("end", [OwnServer.down, OwnServer.crash])
async def test_a_restart_under_load_loses_and_doubles_nothing(
    own: OwnServer, end: Callable[[OwnServer], None]
) -> None:
    catalog = PostgresCatalog.from_url(f"{own.url}?pool=4")
    await catalog.ensure()
    load = Load(catalog)

    def restart() -> None:
        end(own)
        own.up()

    await load.run(restart, seconds=3)
    assert load.outages > 0
    await load.audit()
    await catalog.close()


async def test_an_outage_is_told_at_once_and_passes_by_itself(own: OwnServer) -> None:
    catalog = PostgresCatalog.from_url(own.url)
    await catalog.ensure()
    asset = await catalog.create(an_asset())
    await asyncio.to_thread(own.down)
    for work in (catalog.get(asset.id), catalog.create(an_asset()), catalog.list("default")):
        with pytest.raises(EngineUnavailable):
            await asyncio.wait_for(work, 2)
    await asyncio.to_thread(own.up)
    assert await catalog.get(asset.id) == asset
    await catalog.close()


async def test_a_server_that_may_lose_acknowledged_writes_is_refused(own: OwnServer) -> None:
    async with administrator(own.url) as connection:
        await connection.execute("ALTER SYSTEM SET fsync = off")
        await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(0.2)
    catalog = PostgresCatalog.from_url(own.url)
    with pytest.raises(EngineMisconfigured, match="fsync = off"):
        await catalog.ensure()
    await catalog.close()


async def test_concurrent_marks_share_their_statements(
    catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [(asset := an_asset(), an_event(asset)) for _ in range(200)]
    await asyncio.gather(*(catalog.create(asset, [event]) for asset, event in made))
    statements = 0
    write = catalog._connections.write

    async def counted(*args: object, **named: object) -> object:
        nonlocal statements
        statements += 1
        return await write(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(catalog._connections, "write", counted)
    await asyncio.gather(*(catalog.sent([(asset.id, event.message.id)]) for asset, event in made))
    assert await all_pending(catalog) == []
    assert statements <= 3


async def test_a_failure_is_told_to_all_who_share_it_and_to_nobody_else(
    catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [(asset := an_asset(), an_event(asset)) for _ in range(20)]
    await asyncio.gather(*(catalog.create(asset, [event]) for asset, event in made))
    attempts = 0

    async def away(*_: object, **__: object) -> None:
        nonlocal attempts
        attempts += 1
        await asyncio.sleep(0.05)
        raise EngineUnavailable

    marks = [[(asset.id, event.message.id)] for asset, event in made]
    with monkeypatch.context() as patch:
        patch.setattr(catalog._connections, "write", away)
        outcomes = await asyncio.gather(*map(catalog.sent, marks), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EngineUnavailable] * 20
    assert attempts <= 2
    assert len(await all_pending(catalog)) == 20
    await asyncio.gather(*map(catalog.sent, marks))
    assert await all_pending(catalog) == []


async def test_expired_records_are_deleted_in_time(
    catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Purge, "EVERY_S", -1.0)
    monkeypatch.setattr(Purge, "ROWS", 10)
    async with administrator() as connection:
        await connection.execute(f"SET search_path TO {catalog._options.schema}")
        await connection.execute(
            "INSERT INTO records SELECT 's', 'k' || n, '{}', 1, CASE WHEN n % 2 = 0 THEN n END "
            "FROM generate_series(1, 100) AS n"
        )
        await catalog.records("s").put("new", {})
        for _ in range(50):
            if await connection.fetchval("SELECT count(*) FROM records") == 51:
                return
            await asyncio.sleep(0.05)
    pytest.fail("expired records stayed")
