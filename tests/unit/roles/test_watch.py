"""Files in watched folders: each once, none before it is complete."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.fetcher import watched
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineUnavailable
from mediakiln.model.watched import WATCHED, After, WatchedFolder
from mediakiln.roles.watch import Watcher
from mediakiln.stages.importing import Intake
from support.waiting import eventually
from support.world import NoRunner, World

SETTLE_S = 0.6


class Watch:
    """A folder that is watched, and what became of its files."""

    def __init__(self, world: World, root: Path) -> None:
        self.world = world
        self.root = root

    @asynccontextmanager
    async def running(self, **folder: Any) -> AsyncIterator[Watcher]:
        """The role, until the end of the context."""
        scan_s, settle_s = folder.pop("scan_s", 600), folder.pop("settle_s", SETTLE_S)
        watcher = Watcher(
            WatchedFolder(path=self.root, uploader="camera", tags=("in",), **folder),
            Intake(self.world.store, self.world.catalog, self.world.receive, max_bytes=100_000),
            self.world.catalog.records(WATCHED),
            self.world.recipes,
            settle_s=settle_s,
            scan_s=scan_s,
        )
        stop = asyncio.Event()
        task = asyncio.create_task(watcher.run(stop))
        try:
            yield watcher
        finally:
            stop.set()
            await task

    async def assets(self) -> list[Asset]:
        found: list[Asset] = []
        cursor: str | None = None
        while True:
            page = await self.world.catalog.list("default", limit=200, cursor=cursor)
            found += page.assets
            cursor = page.cursor
            if cursor is None:
                return found

    async def names(self) -> list[str]:
        return sorted(asset.name for asset in await self.assets())

    async def has(self, *names: str) -> None:
        """Return once exactly these are taken in."""

        async def holds() -> bool:
            return await self.names() == sorted(names)

        await eventually(holds, within_s=30)


@pytest.fixture
async def watch(tmp_path: Path) -> Watch:
    world = World(tmp_path, NoRunner())  # type: ignore[arg-type] # nothing is run here
    await world.start()
    root = tmp_path / "in"
    root.mkdir()
    return Watch(world, root)


async def test_files_are_taken_in_whenever_they_come(watch: Watch) -> None:
    (watch.root / "before.txt").write_text("It came while nobody watched.\n")
    async with watch.running():
        await watch.has("before.txt")
        (watch.root / "sub").mkdir()
        (watch.root / "sub" / "after.txt").write_text("It came while it was watched.\n")
        await watch.has("before.txt", "after.txt")
    asset = (await watch.assets())[0]
    assert (asset.uploader, asset.tags) == ("camera", ("in",))
    assert (watch.root / "before.txt").exists()


async def test_a_file_is_not_taken_while_somebody_writes_to_it(watch: Watch) -> None:
    text = "A line that is written slowly.\n" * 3
    async with watch.running():
        with (watch.root / "slow.txt").open("w") as file:
            for char in text:
                file.write(char)
                file.flush()
                await asyncio.sleep(0.005)
            await asyncio.sleep(2 * SETTLE_S)  # it stands still, and is open all the while
            assert await watch.names() == []
        await watch.has("slow.txt")
    (asset,) = await watch.assets()
    assert asset.bytes == len(text)


async def test_a_writer_that_opens_again_and_again_is_waited_for(watch: Watch) -> None:
    async with watch.running(settle_s=2):  # far longer than a busy machine pauses between two lines
        for _ in range(20):
            with (watch.root / "log.txt").open("a") as file:
                file.write("Another line of it.\n")
            await asyncio.sleep(0.06)
        await watch.has("log.txt")
    (asset,) = await watch.assets()
    assert asset.bytes == 20 * 20


async def test_a_file_that_is_moved_into_place_does_not_wait(watch: Watch, tmp_path: Path) -> None:
    if not watched.writers()[1]:
        pytest.skip("this user cannot see who has files open")
    part = tmp_path / "whole.txt.part"
    part.write_text("Written elsewhere, whole.\n")
    await asyncio.sleep(0.05)  # more than a tick of the clock that stamps files
    async with watch.running(settle_s=3600):
        part.rename(watch.root / "whole.txt")
        await watch.has("whole.txt")


async def test_unfinished_names_hidden_files_and_links_are_left_alone(
    watch: Watch, tmp_path: Path
) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("Not for the likes of you.\n")
    (watch.root / "link.txt").symlink_to(outside)
    (watch.root / "folder").symlink_to(tmp_path)
    for name in ("a.part", "b.crdownload", "c.txt~", ".hidden", "~$d.docx", "e.TMP"):
        (watch.root / name).write_text("Unfinished.\n")
    (watch.root / "last.txt").write_text("This one is meant.\n")
    async with watch.running():
        await watch.has("last.txt")
        (watch.root / "a.part").rename(watch.root / "a.txt")
        await watch.has("last.txt", "a.txt")


async def test_a_restart_neither_loses_nor_doubles(watch: Watch) -> None:
    (watch.root / "one.txt").write_text("The first.\n")
    async with watch.running():
        await watch.has("one.txt")
    (watch.root / "two.txt").write_text("It came while the role was down.\n")
    async with watch.running():
        await watch.has("one.txt", "two.txt")
    (watch.root / "one.txt").write_text("The first again, but other than it was.\n")
    async with watch.running():
        await watch.has("one.txt", "one.txt", "two.txt")


class Dying:
    """A method that works three times and never again."""

    def __init__(self, real: Any) -> None:
        self.left = 3

        async def method(*arguments: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("killed")
            return await real(*arguments)

        self.method = method

    def is_dead(self) -> bool:
        return self.left < 0


async def test_a_role_that_dies_anywhere_takes_each_file_in_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 12
    for number in range(count):
        (watch.root / f"{number}.txt").write_text(f"File number {number}.\n")
    for method in ("_finish", "_begin"):
        with monkeypatch.context() as patched:
            dying = Dying(getattr(Watcher, method))
            patched.setattr(Watcher, method, dying.method)
            async with watch.running(after=After.MOVE):
                await eventually(dying.is_dead, within_s=30)
    with monkeypatch.context() as patched:
        patched.setattr(Watcher, "_put_away", lambda *_: None)  # died before the move
        async with watch.running(after=After.MOVE):
            await watch.has(*(f"{number}.txt" for number in range(count)))
    async with watch.running(after=After.MOVE):
        await eventually(lambda: len(list((watch.root / "done").glob("*"))) == count, within_s=30)
    assert len(await watch.assets()) == count
    assert [path.name for path in watch.root.iterdir()] == ["done"]


async def test_files_go_to_done_or_failed_with_the_reason_beside(watch: Watch) -> None:
    (watch.root / "sub").mkdir()
    (watch.root / "sub" / "good.txt").write_text("A good file.\n")
    (watch.root / "bad.bin").write_bytes(b"\x7fELF" + b"\0" * 100)
    (watch.root / "empty.txt").touch()
    (watch.root / "large.txt").write_text("x" * 100_001)
    (watch.root / "done").mkdir()
    async with watch.running(after=After.MOVE):
        failed = watch.root / "failed"
        await eventually(lambda: len(list(failed.glob("*.problem.json"))) == 3, within_s=30)
        await watch.has("good.txt")
        await eventually((watch.root / "done" / "sub" / "good.txt").exists)
    codes = {
        path.name: json.loads((failed / f"{path.name}.problem.json").read_text())["code"]
        for path in failed.iterdir()
        if not path.name.endswith(".json")
    }
    assert codes == {
        "bad.bin": "unsupported_media_type",
        "empty.txt": "empty_file",
        "large.txt": "too_large",
    }


async def test_files_are_deleted_where_that_is_asked_for(watch: Watch) -> None:
    (watch.root / "good.txt").write_text("A good file.\n")
    (watch.root / "empty.txt").touch()
    async with watch.running(after=After.DELETE):
        await watch.has("good.txt")
        await eventually(lambda: not (watch.root / "good.txt").exists())
        await eventually((watch.root / "failed" / "empty.txt").exists, within_s=30)


async def test_nothing_in_done_is_overwritten(watch: Watch) -> None:
    async with watch.running(after=After.MOVE):
        for number in range(3):
            (watch.root / "same.txt").write_text(f"The same name, number {number}.\n")
            await eventually(lambda: not (watch.root / "same.txt").exists(), within_s=30)
    assert len(list((watch.root / "done").iterdir())) == 3
    assert len(await watch.assets()) == 3


async def test_an_outage_is_waited_out(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediakiln.roles.watch._PAUSE_S", 0.1)
    refused = asyncio.Event()

    async def refuse(size: int) -> None:
        del size
        refused.set()
        raise EngineUnavailable

    (watch.root / "a.txt").write_text("It waits.\n")
    async with watch.running():
        with monkeypatch.context() as patched:
            patched.setattr(watch.world.receive, "admit", refuse)
            async with asyncio.timeout(30):
                await refused.wait()
        await watch.has("a.txt")


async def test_a_folder_that_comes_late_or_goes_is_borne(watch: Watch) -> None:
    watch.root.rmdir()
    async with watch.running(scan_s=0.2):
        await asyncio.sleep(0.3)
        watch.root.mkdir()
        (watch.root / "a.txt").write_text("The folder is here at last.\n")
        await watch.has("a.txt")


async def test_a_whole_folder_that_is_moved_in_is_taken_in(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "batch").mkdir()
    for number in range(3):
        (tmp_path / "batch" / f"{number}.txt").write_text(f"File {number} of a batch.\n")
    async with watch.running():
        (watch.root / "first.txt").write_text("The watch is on.\n")
        await watch.has("first.txt")
        (tmp_path / "batch").rename(watch.root / "batch")
        await watch.has("first.txt", "0.txt", "1.txt", "2.txt")


@pytest.mark.slow
async def test_ten_thousand_files_are_taken_in_once_and_looked_at_quickly(watch: Watch) -> None:
    for number in range(10_000):
        (watch.root / f"{number}.txt").write_text(f"File number {number}.\n")
    async with watch.running() as watcher:

        async def all_in() -> bool:
            await asyncio.sleep(0.2)
            return len(watcher._known) == 10_000

        await eventually(all_in, within_s=100)
        (watch.root / "one-more.txt").write_text("One more.\n")
        started = time.monotonic()
        await eventually(lambda: "one-more.txt" in watcher._known, within_s=30)
        assert time.monotonic() - started < 20
    assert len(await watch.assets()) == 10_001


def test_who_writes_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("w"):
        status = path.stat()
        assert (status.st_dev, status.st_ino) in watched.writers()[0]
    with path.open():
        assert (status.st_dev, status.st_ino) not in watched.writers()[0]
