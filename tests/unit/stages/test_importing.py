"""Imports on memory engines: every file once, whatever happens between."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.fetcher.folder import FolderPlace
from mediakiln.adapters.fetcher.http import HttpFetcher, Pace
from mediakiln.model.access import Quota
from mediakiln.model.errors import (
    Conflict,
    EngineUnavailable,
    InvalidRequest,
    Leased,
    NotFound,
    Overloaded,
)
from mediakiln.model.ids import derived_id, id_time, is_id, new_id
from mediakiln.model.imports import PAGE_ITEMS, Import, ImportSource, ImportState, Item, ItemState
from mediakiln.model.keys import Bucket
from mediakiln.stages.access.usage import Usage
from mediakiln.stages.importing import ImportDesk, Importing, Intake, Wanted
from mediakiln.stages.importing.book import ImportBook
from mediakiln.stages.importing.manifest import of_entries, read_csv, read_jsonl
from mediakiln.stages.importing.worker import PageWorker
from support.origin import Origin, endless, resets, says, serving_files
from support.waiting import eventually
from support.world import NoRunner, World

WANTED = Wanted(project="default", by="owner", uploader="ann", tags=("a",))


class Depot:
    """A world with a desk, a role that imports, and an origin to import from."""

    def __init__(self, world: World, origin: Origin, folder: Path) -> None:
        self.world = world
        self.origin = origin
        self.book = ImportBook(world.catalog, clock=world.clock)
        self.fetcher = HttpFetcher(
            ports={origin.port},
            allow_private=True,
            pace=Pace(answer_s=5, window_s=1, min_rate=1000),
        )
        self.places = {"folder": FolderPlace(folder)}
        self.intake = Intake(world.store, world.catalog, world.receive, max_bytes=1_000_000)
        self.desk = ImportDesk(
            self.book, world.broker, self.fetcher, world.recipes, places=self.places
        )
        self.stage = self.importer()

    def importer(self, *, parallel: int = 8) -> Importing:
        """Another process of the role."""
        worker = PageWorker(
            self.book,
            self.intake,
            self.fetcher,
            self.places,
            self.world.recipes,
            hold=Usage(self.world.catalog, clock=self.world.clock).hold,
            parallel=parallel,
            pause_s=0.01,
        )
        return Importing(self.book, self.world.broker, worker, self.places)

    async def begin(self, entries: Sequence[Any], wanted: Wanted = WANTED) -> Import:
        return await self.desk.begin_list(wanted, of_entries(entries))

    async def pump(self, stage: Importing | None = None) -> None:
        """Handle messages of `imports` until none waits."""
        while found := await self.world.take("imports", "import"):
            for delivery in found:
                await (stage or self.stage)(delivery.message)
                await delivery.ack()

    async def job(self, job: Import) -> Import:
        return await self.desk.get(job.project, job.id)

    async def items(self, job: Import, state: ItemState | None = None) -> Sequence[Item]:
        items, cursor = await self.desk.items(
            job.project, job.id, state=state, limit=100_000, start=0
        )
        assert cursor is None
        return items

    async def assets(self) -> int:
        return len((await self.world.catalog.list("default", limit=1000)).assets)

    async def objects(self) -> int:
        return len([item async for item in self.world.store.list(Bucket.INPUT)])


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[Depot]:
    world = World(tmp_path, NoRunner())  # type: ignore[arg-type] # nothing is run here
    await world.start()
    folder = tmp_path / "folder"
    folder.mkdir()
    async with serving_files() as origin:
        depot = Depot(world, origin, folder)
        yield depot
        await depot.fetcher.close()


@pytest.fixture
async def depot(tmp_path: Path) -> AsyncIterator[Depot]:
    async with opened(tmp_path) as depot:
        yield depot


def many(depot: Depot, count: int) -> list[str]:
    """That many files at the origin; their addresses."""
    for number in range(count):
        depot.origin.files[f"/{number}.txt"] = f"This is file number {number}.\n".encode()
    return [depot.origin.url(f"/{number}.txt") for number in range(count)]


async def test_every_file_of_a_list_becomes_an_asset(depot: Depot) -> None:
    job = await depot.begin(many(depot, 250))
    assert (job.state, job.total, job.pages) == (ImportState.RUNNING, 250, 3)
    await depot.pump()
    job = await depot.job(job)
    assert (job.state, job.counts.done, job.counts.failed) == (ImportState.DONE, 250, 0)
    assert job.counts.bytes == sum(len(data) for data in depot.origin.files.values())
    assert job.finished_at is not None
    items = await depot.items(job)
    assert [item.number for item in items] == list(range(1, 251))
    assert await depot.assets() == await depot.objects() == 250
    asset = await depot.world.asset(items[7].asset or "")
    assert (asset.name, asset.uploader, asset.tags) == ("7.txt", "ann", ("a",))
    assert asset.id == derived_id(job.id, "8")
    assert (asset.checksum or "").startswith("blake3:")


async def test_a_bad_file_hurts_no_other_and_is_tried_again_when_asked(depot: Depot) -> None:
    urls = many(depot, 3)
    depot.origin.ways["/broken"] = resets
    depot.origin.ways["/endless"] = endless
    depot.origin.ways["/empty"] = says("HTTP/1.1 200 OK\nContent-Length: 0")
    depot.origin.files["/program"] = b"\x7fELF" + b"\0" * 100
    odd = ["/broken", "/endless", "/empty", "/program", "/missing"]
    job = await depot.begin([*urls, *map(depot.origin.url, odd), "file:///etc/passwd"])
    await depot.pump()
    job = await depot.job(job)
    assert (job.state, job.counts.done, job.counts.failed) == (ImportState.DONE, 3, 6)
    failed = await depot.items(job, ItemState.FAILED)
    assert [(item.number, item.error and item.error.code) for item in failed] == [
        (4, "fetch_failed"),
        (5, "too_large"),
        (6, "empty_file"),
        (7, "unsupported_media_type"),
        (8, "fetch_refused"),
        (9, "fetch_refused"),
    ]
    assert depot.origin.asked["/broken"] == 3
    assert await depot.objects() == 3

    depot.origin.ways.pop("/broken")
    depot.origin.files["/broken"] = b"It works again.\n"
    asked = depot.origin.asked["/0.txt"]
    again = await depot.desk.retry(job.project, job.id)
    assert (again.state, again.round) == (ImportState.RUNNING, 2)
    await depot.pump()
    job = await depot.job(job)
    assert (job.state, job.counts.done, job.counts.failed) == (ImportState.DONE, 4, 5)
    assert depot.origin.asked["/0.txt"] == asked
    assert await depot.assets() == 4


async def test_files_above_the_quota_of_whoever_asked_fail_and_are_tried_again_another_day(
    depot: Depot,
) -> None:
    wanted = replace(WANTED, account="key", quota=Quota(files=2))
    job, stage = await depot.begin(many(depot, 5), wanted), depot.importer(parallel=1)
    await depot.pump(stage)
    failed = await depot.items(job, ItemState.FAILED)
    assert [item.error and item.error.code for item in failed] == ["quota_exceeded"] * 3
    assert await depot.assets() == 2
    depot.world.clock.forward(days=1)
    await depot.desk.retry(job.project, job.id)
    await depot.pump(stage)
    assert await depot.assets() == 4


async def test_a_running_import_is_not_tried_again(depot: Depot) -> None:
    job = await depot.begin(many(depot, 1))
    with pytest.raises(Conflict):
        await depot.desk.retry(job.project, job.id)


async def test_messages_that_come_twice_change_nothing(depot: Depot) -> None:
    job = await depot.begin(many(depot, 120))
    for delivery in await depot.world.take("imports", "import"):
        await depot.stage(delivery.message)
        await depot.stage(delivery.message)
        await delivery.ack()
    pages = await depot.world.take("imports", "import")
    assert len(pages) == 4
    for delivery in pages:
        await depot.stage(delivery.message)
        await depot.stage(delivery.message)
        await delivery.ack()
    job = await depot.job(job)
    assert (job.state, job.counts.done) == (ImportState.DONE, 120)
    assert await depot.assets() == await depot.objects() == 120
    assert sum(depot.origin.asked.values()) == 120


def far(depot: Depot, task: asyncio.Task[None], count: int) -> bool:
    return task.done() or depot.origin.asked.total() >= count


async def test_a_worker_that_dies_at_any_moment_loses_and_doubles_nothing(depot: Depot) -> None:
    job = await depot.begin(many(depot, 60))
    (walk,) = await depot.world.take("imports", "import")
    await depot.stage(walk.message)
    await walk.ack()
    (page,) = await depot.world.take("imports", "import")
    rounds = 0
    while (await depot.job(job)).state is not ImportState.DONE:
        rounds += 1
        task = asyncio.create_task(depot.importer()(page.message))
        done = depot.origin.asked.total() + 7
        await eventually(partial(far, depot, task, done))
        task.cancel()
        with suppress(asyncio.CancelledError, Leased):
            await task
        # As after a kill: the hold on the page was not given back, and its lease runs out.
        depot.world.clock.forward(seconds=60)
    assert rounds > 1
    assert await depot.assets() == await depot.objects() == 60
    counts = (await depot.job(job)).counts
    assert (counts.done, counts.failed) == (60, 0)


async def test_a_page_that_another_works_on_is_left_to_it(depot: Depot) -> None:
    job = await depot.begin(many(depot, 1))
    held = await depot.book.hold(job, 0, owner="other", lease=timedelta(seconds=30))
    (walk,) = await depot.world.take("imports", "import")
    await depot.stage(walk.message)
    (page,) = await depot.world.take("imports", "import")
    with pytest.raises(Leased):
        await depot.stage(page.message)
    depot.world.clock.forward(seconds=31)
    await depot.stage(page.message)
    with pytest.raises(Leased):
        await held.write(held.page)
    assert (await depot.job(job)).state is ImportState.DONE


async def test_an_object_whose_record_is_missing_is_taken_up_and_not_fetched(depot: Depot) -> None:
    (url,) = many(depot, 1)
    job = await depot.begin([url])
    id = derived_id(job.id, "1")
    key = f"default/{id_time(id):%Y/%m/%d}/{id}"
    await depot.world.store.put(Bucket.INPUT, key, b"A text that was there already.\n")
    await depot.pump()
    (item,) = await depot.items(job)
    asset = await depot.world.asset(item.asset or "")
    assert (asset.bytes, asset.source.key, asset.name) == (31, key, "0.txt")
    assert asset.checksum is not None
    assert not depot.origin.asked


async def test_a_cancelled_import_takes_in_nothing_more(depot: Depot) -> None:
    job = await depot.begin(many(depot, 150))
    await depot.desk.cancel(job.project, job.id)
    await depot.desk.cancel(job.project, job.id)
    await depot.pump()
    job = await depot.job(job)
    assert (job.state, job.counts.skipped) == (ImportState.CANCELLED, 150)
    assert await depot.assets() == 0
    await depot.desk.retry(job.project, job.id)
    await depot.pump()
    job = await depot.job(job)
    assert (job.state, job.counts.done) == (ImportState.DONE, 150)


async def test_what_is_being_fetched_ends_when_the_import_is_cancelled(depot: Depot) -> None:
    depot.origin.gate = asyncio.Event()
    job = await depot.begin(many(depot, 20))
    running = asyncio.create_task(depot.pump())
    await eventually(lambda: depot.origin.asked.total() > 0)
    await depot.desk.cancel(job.project, job.id)
    await running
    job = await depot.job(job)
    assert (job.counts.done, job.counts.skipped) == (0, 20)


async def test_an_outage_leaves_the_page_for_later(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await depot.begin(many(depot, 5))
    (walk,) = await depot.world.take("imports", "import")
    await depot.stage(walk.message)
    (page,) = await depot.world.take("imports", "import")
    errors: list[Exception] = [EngineUnavailable(), Overloaded(retry_after=30)]

    async def refuse(size: int) -> None:
        raise errors[size > 10**9]

    with monkeypatch.context() as patched:
        patched.setattr(depot.world.receive, "admit", refuse)
        with pytest.raises(EngineUnavailable):
            await depot.stage(page.message)
        errors.reverse()
        with pytest.raises(Leased) as caught:
            await depot.stage(page.message)
    assert caught.value.context["retry_after"] == 30
    await depot.stage(page.message)
    assert (await depot.job(job)).counts.done == 5


async def test_a_standing_import_is_set_going(depot: Depot) -> None:
    job = await depot.begin(many(depot, 3))
    for delivery in await depot.world.take("imports", "import"):
        await delivery.ack()  # as if the message had never been sent
    assert await depot.stage.sweep() == 0
    depot.world.clock.forward(minutes=6)
    assert await depot.stage.sweep() == 1
    await depot.pump()
    assert (await depot.job(job)).state is ImportState.DONE
    depot.world.clock.forward(minutes=6)
    assert await depot.stage.sweep() == 0


async def test_a_folder_is_listed_and_taken_in(depot: Depot, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "in" / "deep").mkdir(parents=True)
    for number in range(PAGE_ITEMS + 20):
        (folder / "in" / f"{number:03d}.txt").write_text(f"File {number} of the folder.\n")
    (folder / "in" / "deep" / "x.txt").write_text("Below a folder.\n")
    (folder / "in" / ".hidden").write_text("x")
    (folder / "in" / "link.txt").symlink_to("/etc/passwd")
    (folder / "out.txt").write_text("Not asked for.\n")
    job = await depot.desk.begin_place(WANTED, "folder", "in/")
    assert job.state is ImportState.LISTING
    await depot.pump()
    job = await depot.job(job)
    assert (job.state, job.total) == (ImportState.DONE, PAGE_ITEMS + 21)
    assert (job.counts.done, job.counts.failed) == (PAGE_ITEMS + 21, 0)
    items = await depot.items(job)
    assert items[0].source == "in/000.txt"
    assert items[-1].source == "in/deep/x.txt"


async def test_a_listing_that_dies_between_its_writes_goes_on_with_the_same_pages(
    depot: Depot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    for number in range(2 * PAGE_ITEMS):
        (folder / f"{number:03d}.txt").write_text(f"File {number}.\n")
    job = await depot.desk.begin_place(WANTED, "folder", "")
    (listing,) = await depot.world.take("imports", "import")

    async def dies(*_: Any) -> Import:
        raise EngineUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(depot.stage, "_advance", dies)
        with pytest.raises(EngineUnavailable):
            await depot.stage(listing.message)
    for number in range(20):  # files that came meanwhile, before what was listed
        (folder / f"00{number:02d}.txt").write_text(f"Late file {number}.\n")
    await depot.stage(listing.message)
    await depot.pump()
    job = await depot.job(job)
    assert job.state is ImportState.DONE
    items = await depot.items(job)
    assert len({item.source for item in items}) == len(items) == job.total
    assert {f"{number:03d}.txt" for number in range(2 * PAGE_ITEMS)} <= {
        item.source for item in items
    }


async def test_a_place_that_is_gone_fails_the_import_and_can_be_tried_again(
    depot: Depot, tmp_path: Path
) -> None:
    (tmp_path / "folder").rmdir()
    job = await depot.desk.begin_place(WANTED, "folder", "")
    await depot.pump()
    job = await depot.job(job)
    assert job.state is ImportState.FAILED
    assert job.error is not None
    assert job.error.code == "fetch_refused"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("Here again.\n")
    await depot.desk.retry(job.project, job.id)
    await depot.pump()
    job = await depot.job(job)
    assert (job.state, job.counts.done) == (ImportState.DONE, 1)


@pytest.mark.parametrize("prefix", ["../x", "a/../../b", "/etc", "a\0b"])
async def test_a_prefix_that_leads_elsewhere_is_refused(depot: Depot, prefix: str) -> None:
    with pytest.raises(InvalidRequest):
        await depot.desk.begin_place(WANTED, "folder", prefix)


async def test_only_places_of_the_operator_are_listed(depot: Depot) -> None:
    with pytest.raises(InvalidRequest, match="no source"):
        await depot.desk.begin_place(WANTED, "file:///etc", "")


async def test_imports_are_their_projects_own(depot: Depot) -> None:
    job = await depot.begin(many(depot, 1))
    for id in (job.id, new_id(), "x", "../x"):
        with pytest.raises(NotFound):
            await depot.desk.get("other", id)


async def test_nothing_to_import_keeps_nothing(depot: Depot) -> None:
    with pytest.raises(InvalidRequest):
        await depot.begin([])
    assert await depot.desk.list("default", limit=10, cursor=None) == ([], None)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def read(items: AsyncIterator[Item]) -> list[tuple[int, str]]:
    return [
        (item.number, item.error.message if item.error else item.source) async for item in items
    ]


async def test_a_csv_manifest_names_its_bad_lines() -> None:
    text = (
        "\ufeffurl,name,tags,uploader\r\n"
        'http://e.com/a,"A, b.png",x;y,bob\r\n'
        "\r\n"
        ",c,,\r\n"
        'http://e.com/"b,,,\r\n'
        "http://e.com/c,,,,,extra\r\n"
        "http://e.com/d"
    ).encode()
    for cut in (1, 7, len(text)):
        parts = [text[at : at + cut] for at in range(0, len(text), cut)]
        found = await read(read_csv(chunks(*parts)))
        assert [number for number, _ in found] == [2, 4, 5, 6, 7]
        assert found[0][1] == "http://e.com/a"
        assert found[1][1].startswith("line 4: url")
        assert found[3][1] == "line 6: 6 fields where there are 4 columns"
        assert found[4][1] == "http://e.com/d"
    (first, *_) = [item async for item in read_csv(chunks(text))]
    assert (first.name, first.tags, first.uploader) == ("A, b.png", ("x", "y"), "bob")


@pytest.mark.parametrize("header", [b"name\nx", b"url,colour\nx", b"url,url\nx", b"\xff\xfe\nx"])
async def test_a_csv_manifest_begins_with_its_columns(header: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await read(read_csv(chunks(header)))


async def test_a_manifest_of_json_lines_names_its_bad_lines() -> None:
    lines = [
        json.dumps({"url": "http://e.com/a", "tags": ["x"]}).encode(),
        b"{not json",
        b'"http://e.com/b"',
        b"\xff",
        b"x" * 100_000,
        b'{"url": "http://e.com/c", "colour": "red"}',
        b"[" * 10_000,
        b"",
        b'{"url": "http://e.com/d"}',
    ]
    body = b"\n".join(lines)
    found = await read(read_jsonl(chunks(body[:50], body[50:60_000], body[60_000:])))
    assert [number for number, _ in found] == [1, 2, 3, 4, 5, 6, 7, 9]
    assert found[0][1] == "http://e.com/a"
    assert found[-1][1] == "http://e.com/d"
    assert all(text.startswith(f"line {number}: ") for number, text in found[1:-1])


def test_derived_ids_are_ids_of_their_base_and_name() -> None:
    base = new_id()
    ids = {derived_id(base, str(number)) for number in range(1000)}
    assert len(ids) == 1000
    assert all(is_id(id) and id_time(id) == id_time(base) for id in ids)
    assert derived_id(base, "1") == derived_id(base, "1") != derived_id(new_id(), "1")


async def test_two_listers_at_once_make_each_page_once(depot: Depot, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for number in range(5 * PAGE_ITEMS):
        (folder / f"{number:03d}.txt").write_text(f"File {number}.\n")
    job = await depot.desk.begin_place(WANTED, "folder", "")
    (listing,) = await depot.world.take("imports", "import")
    await asyncio.gather(*(depot.importer()(listing.message) for _ in range(3)))
    await depot.pump()
    job = await depot.job(job)
    assert (job.state, job.total, job.pages) == (ImportState.DONE, 5 * PAGE_ITEMS, 5)
    assert job.counts.done == await depot.assets() == 5 * PAGE_ITEMS
    assert [item.number for item in await depot.items(job)] == list(range(1, 5 * PAGE_ITEMS + 1))


async def test_a_list_that_comes_in_slowly_is_not_given_up(depot: Depot) -> None:
    urls = many(depot, 3)

    async def slowly() -> AsyncIterator[Item]:
        async for item in of_entries(urls):
            depot.world.clock.forward(minutes=4)
            assert await depot.stage.sweep() == 0
            yield item

    job = await depot.desk.begin_list(WANTED, slowly())
    await depot.pump()
    assert (await depot.job(job)).counts.done == 3


async def test_a_list_whose_request_died_is_given_up(depot: Depot) -> None:
    job = depot.desk._new(WANTED, ImportSource(kind="list"))
    await depot.book.begin(job)
    depot.world.clock.forward(minutes=6)
    assert await depot.stage.sweep() == 1
    job = await depot.job(job)
    assert (job.state, job.error and job.error.code) == (ImportState.FAILED, "incomplete")
    with pytest.raises(Conflict):
        await depot.desk.retry(job.project, job.id)
