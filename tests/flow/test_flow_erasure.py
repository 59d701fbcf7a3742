"""Everything of one uploader, by every way in, given out and erased on embedded engines."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.model.imports import Import, ImportState, ItemState
from mediakiln.model.kind import AssetState
from mediakiln.model.upload import Offer
from mediakiln.roles import imports, parts, watch
from mediakiln.roles.engines import Engines, open_engines
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings
from mediakiln.stages.erasure import Erasures
from mediakiln.stages.importing import ImportDesk, Wanted
from mediakiln.stages.importing.manifest import of_entries
from support.origin import Origin, serving_files
from support.waiting import eventually
from support.world import Ticking

HER = "ann@example.org"


@asynccontextmanager
async def working(service: Service) -> AsyncIterator[None]:
    """The service works until the end of the context."""
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def engines_of(settings: Settings) -> AsyncIterator[Engines]:
    engines = open_engines(settings, shared=settings.catalog is None)
    await engines.ensure()
    try:
        yield engines
    finally:
        await engines.close()


@pytest.fixture(params=["memory", "sqlite"])
async def origin(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Origin, str]]:
    async with serving_files() as made:
        yield made, request.param


@pytest.fixture
async def settings(origin: tuple[Origin, str], tmp_path: Path) -> Settings:
    served, engine = origin
    folder = tmp_path / "in"
    folder.mkdir()
    memory = {} if engine == "sqlite" else dict.fromkeys(("catalog", "broker"), "memory://")
    return Settings(
        data=tmp_path / "data",
        import_private=True,
        import_ports=(served.port,),
        watch=({"path": folder, "uploader": HER},),
        watch_settle_s=0,
        lease_s=1,
        **memory,
    )


def kept(engines: Engines, settings: Settings) -> dict[str, list[str]]:
    """Every record of every space, as the catalog itself has it."""
    found: dict[str, list[str]] = {}
    if isinstance(engines.catalog, MemoryCatalog):
        for space, records in engines.catalog._spaces.items():
            found[space] = [f"{key} {entry}" for key, entry in records._entries.items()]
        return found
    with sqlite3.connect(settings.data / "catalog.db") as connection:
        for space, key, value in connection.execute("SELECT space, key, value FROM records"):
            found.setdefault(space, []).append(f"{key} {value}")
    return found


async def put_in(desk: ImportDesk, engines: Engines, settings: Settings, origin: Origin) -> None:
    """Her files by an import of her own, in one of his, from a folder, and one half sent."""
    for number in range(4):
        origin.files[f"/ann-{number}.txt"] = f"This is her file number {number}.\n".encode()
    origin.files["/bob.txt"] = b"This is a file of his.\n"
    hers = [origin.url(f"/ann-{number}.txt") for number in range(2)]
    mixed = [
        {"url": origin.url("/ann-2.txt"), "uploader": HER, "tags": ["hers"]},
        {"url": origin.url("/ann-none.txt"), "uploader": HER},
        origin.url("/bob.txt"),
    ]
    jobs = [
        await desk.begin_list(
            Wanted(project="default", by="owner", uploader=uploader), of_entries(entries)
        )
        for uploader, entries in ((HER, hers), ("bob", mixed))
    ]

    async def ended() -> bool:
        found: list[Import] = [await desk.get("default", job.id) for job in jobs]
        return all(job.state is ImportState.DONE for job in found)

    async with working(imports.build(settings, engines)):
        await eventually(ended, within_s=20)
    (settings.watch[0].path / "ann-watched.txt").write_text("This is her watched file.\n")

    async def watched() -> bool:
        page = await engines.catalog.list("default")
        return any(asset.name == "ann-watched.txt" for asset in page.assets)

    async with working(watch.build(settings, engines)):
        await eventually(watched, within_s=20)
    offer = Offer(name="ann-half.txt", uploader=HER, size=100)
    await parts.multipart(settings, engines).open(offer, by="owner")


async def test_all_that_records_say_of_an_uploader_is_given_out_and_erased(
    origin: tuple[Origin, str], settings: Settings
) -> None:
    async with engines_of(settings) as engines:
        desk = imports.desk(settings, engines)
        await put_in(desk, engines, settings, origin[0])
        erasures = Erasures(parts.ledger(settings, engines), engines.store)
        traces = [trace async for trace in erasures.traces.of("default", HER)]
        rooms = [trace.path.split("/")[0] for trace in traces]
        assert rooms == ["uploads", "imports", "imports", "imports", "watched"]
        told = json.dumps([trace.document for trace in traces], default=str)
        for name in ("ann-half", "ann-0", "ann-1", "ann-2", "ann-none", "ann-watched"):
            assert name in told
        assert "bob" not in told
        await erasures.begin("default", HER, by="owner")
        await erasures.sweep()
        assert [trace async for trace in erasures.traces.of("default", HER)] == []
        left = kept(engines, settings)
        assert {"imports", "import-items", "watched", "uploads", "erasures"} <= set(left)
        for space, entries in left.items():
            for entry in entries:
                assert space == "erasures" or HER not in entry, (space, entry)
                assert "ann-" not in entry, (space, entry)
        await _what_is_others_stays(desk, engines)
        await _nothing_comes_again(engines, settings)


async def _what_is_others_stays(desk: ImportDesk, engines: Engines) -> None:
    jobs, _ = await desk.list("default", limit=10, cursor=None)
    assert [job.uploader for job in jobs] == ["bob"]
    items, _ = await desk.items("default", jobs[0].id, state=None, limit=10, start=0)
    assert [(item.state, bool(item.source)) for item in items] == [
        (ItemState.DONE, False),
        (ItemState.FAILED, False),
        (ItemState.DONE, True),
    ]
    page = await engines.catalog.list("default")
    standing = [asset.name for asset in page.assets if asset.state is not AssetState.DELETING]
    assert standing == ["bob.txt"]
    again = await desk.retry("default", jobs[0].id)
    assert again.round == 2


async def _nothing_comes_again(engines: Engines, settings: Settings) -> None:
    """Neither by the import that is tried again, nor from the folder."""
    before = len((await engines.catalog.list("default")).assets)
    desk = imports.desk(settings, engines)
    [job], _ = await desk.list("default", limit=10, cursor=None)

    async def ended() -> bool:
        return (await desk.get("default", job.id)).state is ImportState.DONE

    async with working(imports.build(settings, engines)), working(watch.build(settings, engines)):
        await eventually(ended, within_s=20)
        (settings.watch[0].path / "later.txt").write_text("This came later.\n")

        async def later() -> bool:
            return len((await engines.catalog.list("default")).assets) > before

        await eventually(later, within_s=20)
    names = [asset.name for asset in (await engines.catalog.list("default")).assets]
    assert len(names) == before + 1
    assert "later.txt" in names


@pytest.mark.slow
async def test_an_import_that_is_under_way_ends_with_its_uploader(
    origin: tuple[Origin, str], settings: Settings
) -> None:
    served = origin[0]
    served.gate = asyncio.Event()
    urls = [served.url(f"/ann-{number}.txt") for number in range(20)]
    served.files |= {f"/ann-{number}.txt": b"This is a file of hers.\n" for number in range(20)}
    async with engines_of(settings) as engines:
        desk, later = imports.desk(settings, engines), Ticking()
        erasures = Erasures(parts.ledger(settings, engines), engines.store, clock=later)
        await desk.begin_list(Wanted(project="default", by="owner", uploader=HER), of_entries(urls))

        async def idle() -> bool:
            waiting = await engines.broker.backlog("imports", "import")
            return waiting.ready + waiting.delayed + waiting.leased == 0

        async with working(imports.build(settings, engines)):
            await eventually(lambda: bool(served.asked), within_s=20)
            later.forward(seconds=1)
            await erasures.begin("default", HER, by="owner")
            await erasures.sweep()
            served.gate.set()
            await eventually(idle, within_s=20)
        later.forward(minutes=3)
        for _ in range(2):
            await erasures.sweep()
        page = await engines.catalog.list("default", limit=200)
        assert {(asset.uploader, asset.state) for asset in page.assets} <= {
            ("", AssetState.DELETING)
        }
        left = kept(engines, settings)
        assert not [space for space in left if space in {"dead", "imports"} and left[space]]
        assert not left.get("import-items")
