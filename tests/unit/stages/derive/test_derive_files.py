"""Sources from elsewhere: how long they may take, and how much disk."""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.errors import FetchFailed, StorageFull
from mediakiln.stages.derive import Lane, Source, SourceFiles

Open = Callable[..., SourceFiles]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens places for sources, where one is fetched at a time."""
    made: list[SourceFiles] = []

    @contextmanager
    def folder(name: str) -> Iterator[Path]:
        (tmp_path / name).mkdir()
        yield tmp_path / name

    def open_one(**limits: Any) -> SourceFiles:
        lane = Lane("fetch", workers=1, most_waiting=4)
        made.append(SourceFiles(MemoryObjectStore(), folder, lane, **{"max_bytes": 100, **limits}))
        return made[-1]

    yield open_one
    for files in made:
        files.close()


def source(name: str, fetch: Callable[[Path], Awaitable[None]]) -> Source:
    return Source(project="default", id=f"at-{name}", identity=name, fetch=fetch)


async def at_once(path: Path) -> None:
    path.write_bytes(b"12345")


async def test_a_source_that_does_not_come_holds_up_no_others(opened: Open) -> None:
    never = asyncio.Event()

    async def hanging(path: Path) -> None:
        path.write_bytes(b"1")
        await never.wait()

    async def held(each: Source) -> bytes:
        async with files.hold(each) as path:
            return path.read_bytes()

    files = opened(most_s=0.05)
    late, other = await asyncio.gather(
        held(source("1", hanging)), held(source("2", at_once)), return_exceptions=True
    )
    assert isinstance(late, FetchFailed)
    assert late.context["limit"] == 0.05
    assert other == b"12345"


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
