"""Sources from elsewhere: how long they may take, and how much disk."""

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.errors import FetchFailed, ObjectMissing, Overloaded, StorageFull
from mediakiln.model.keys import Bucket
from mediakiln.stages.derive import Lane, Source, SourceFiles
from mediakiln.stages.derive.lanes import OriginLanes, _OriginLane

Open = Callable[..., SourceFiles]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens places for sources, where one is fetched at a time."""
    made: list[SourceFiles] = []

    @contextmanager
    def folder(name: str) -> Iterator[Path]:
        (tmp_path / name).mkdir()
        yield tmp_path / name

    def open_one(workers: int = 1, most_waiting: int = 4, **limits: Any) -> SourceFiles:
        lane = Lane("fetch", workers=workers, most_waiting=most_waiting)
        made.append(SourceFiles(MemoryObjectStore(), folder, lane, **{"max_bytes": 100, **limits}))
        return made[-1]

    yield open_one
    for files in made:
        files.close()


def source(
    name: str, fetch: Callable[[Path], Awaitable[None]], origin: str = "images.example"
) -> Source:
    return Source(project="default", id=f"at-{name}", identity=name, fetch=fetch, origin=origin)


async def held(files: SourceFiles, each: Source) -> bytes:
    async with files.hold(each) as path:
        return path.read_bytes()


async def at_once(path: Path) -> None:
    path.write_bytes(b"12345")


async def test_a_source_that_does_not_come_holds_up_no_others(opened: Open) -> None:
    async def hanging(path: Path) -> None:
        path.write_bytes(b"1")
        await asyncio.Event().wait()

    files = opened(most_s=0.05)
    late, other = await asyncio.gather(
        held(files, source("1", hanging)),
        held(files, source("2", at_once, "others.example")),
        return_exceptions=True,
    )
    assert isinstance(late, FetchFailed)
    assert late.context["limit"] == 0.05
    assert other == b"12345"


async def never(path: Path) -> None:
    await asyncio.Event().wait()
    path.touch()


async def test_an_origin_that_hangs_holds_up_itself_alone(opened: Open) -> None:
    files = opened(workers=8, most_waiting=64, most_each=2)
    hanging = [asyncio.create_task(held(files, source(str(each), never))) for each in range(16)]
    async with asyncio.timeout(5):
        for number in range(3):
            other = source(f"other {number}", at_once, f"{number}.example")
            assert await held(files, other) == b"12345"
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)
    async with asyncio.timeout(5):
        assert await held(files, source("again", at_once)) == b"12345"
    assert len(files._origins) == 0, "nothing is kept of who is asked for nothing"


async def test_who_waits_in_vain_for_an_origin_is_told_when_to_come_again() -> None:
    lanes = OriginLanes(Lane("fetch", workers=4, most_waiting=4), most_each=1, most_wait_s=0.05)
    async with lanes.place("images.example"):
        with pytest.raises(Overloaded) as refused:
            async with lanes.place("images.example"):
                pass
    assert refused.value.context["limit"] == 0.05
    assert refused.value.context["retry_after"] >= 1
    async with lanes.place("images.example"):
        assert len(lanes) == 1


async def test_an_origin_whose_line_is_long_is_refused_at_once(opened: Open) -> None:
    files = opened(workers=4, most_waiting=2, most_each=1)
    hanging = [asyncio.create_task(held(files, source(str(each), never))) for each in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await held(files, source("3", at_once))
    assert "images.example" in refused.value.message
    assert refused.value.context["retry_after"] >= 1
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)


async def test_what_hangs_now_says_how_long_those_behind_would_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lane = _OriginLane("images.example", workers=2, most_waiting=64, most_wait_s=30.0)
    async with lane.place(), lane.place():
        lane.check()
        now += 29.0
        lane.check()
        now += 2.0
        with pytest.raises(Overloaded) as refused:
            lane.check()
        assert refused.value.context["retry_after"] == 31
    lane.check()


async def test_a_source_that_finds_no_room_on_the_disk_is_told_so(
    opened: Open, tmp_path: Path
) -> None:
    async def filling(path: Path) -> None:
        path.write_bytes(b"1")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFull):
        async with opened().hold(source("1", filling)):
            pass
    assert list((tmp_path / "sources").iterdir()) == []


@pytest.mark.parametrize(("reserve", "kept"), [(1, True), (1 << 62, False)])
async def test_the_disk_s_reserve_is_left_by_sources_that_nobody_holds(
    opened: Open, reserve: int, kept: bool
) -> None:
    async with opened(reserve_bytes=reserve).hold(source("1", at_once)) as path:
        assert path.exists()
    assert path.exists() is kept


@pytest.mark.parametrize(("lost", "error"), [(True, ObjectMissing), (False, FileNotFoundError)])
async def test_only_a_source_s_own_file_is_told_to_be_missing(
    tmp_path: Path, lost: bool, error: type[Exception]
) -> None:
    store = LocalObjectStore(tmp_path / "store")
    lane = Lane("fetch", workers=1, most_waiting=1)
    files = SourceFiles(store, lambda name: nullcontext(tmp_path / name), lane, max_bytes=100)
    if not lost:
        there = store.local_path(Bucket.INPUT, "photo")
        there.parent.mkdir(parents=True)
        there.touch()
    with pytest.raises(error):
        async with files.hold(Source(project="default", id="1", identity="1", key="photo")) as path:
            (path.with_name("other") if path.exists() else path).read_bytes()
    await store.close()
