import asyncio
import errno
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.adapters.object_store import files
from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.adapters.object_store.threads import Threads, finished
from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    MediakilnError,
    NotSupported,
    StorageFull,
)
from mediakiln.model.keys import Bucket
from mediakiln.testing.object_store_tools import assert_absent, keys_of, pattern


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalObjectStore]:
    store = LocalObjectStore(tmp_path / "store")
    await store.ensure()
    yield store
    await store.close()


@pytest.mark.parametrize(
    "url", ["file://host/path", "file:relative", "/path", "s3://bucket", "file:///x?y=z", "file://"]
)
def test_a_url_that_names_no_folder_is_refused(url: str) -> None:
    with pytest.raises(EngineMisconfigured):
        LocalObjectStore.from_url(url)
    with pytest.raises(EngineMisconfigured):
        MemoryObjectStore.from_url(url)


async def test_an_object_and_a_folder_of_one_name_are_refused_not_lost(
    store: LocalObjectStore,
) -> None:
    await store.put(Bucket.INPUT, "a/b", b"x")
    for if_absent in (False, True):
        for key in ("a", "a/b/c", "a/b/c/d"):
            with pytest.raises(NotSupported):
                await store.put(Bucket.INPUT, key, b"y", if_absent=if_absent)
    assert await keys_of(store) == ["a/b"]


async def test_emptied_folders_are_removed_up_to_the_bucket(
    store: LocalObjectStore, tmp_path: Path
) -> None:
    await store.put(Bucket.INPUT, "a/b/c/d", b"x")
    await store.put(Bucket.INPUT, "a/e", b"x")
    await store.delete(Bucket.INPUT, ["a/b/c/d"])
    assert [path.name for path in (tmp_path / "store/input/a").iterdir()] == ["e"]
    await store.delete(Bucket.INPUT, ["a/e"])
    assert list((tmp_path / "store/input").iterdir()) == []


@pytest.mark.parametrize("size", [10, 5_000_000])
@pytest.mark.parametrize(("code", "error"), [(errno.EIO, EngineError), (errno.EDQUOT, StorageFull)])
async def test_a_failing_disk_is_told_and_leaves_no_draft(
    store: LocalObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    code: int,
    error: type[MediakilnError],
) -> None:
    async def write() -> None:
        async with store.writer(Bucket.INPUT, "k") as writer:
            await writer.write(pattern(size))
            await writer.commit()

    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(error):
            await write()
    await assert_absent(store, "k")
    assert [path.name for path in (tmp_path / "store/.incoming").glob("*/*")] == ["lock"]
    await write()


async def test_where_links_are_not_to_be_had_bytes_are_copied(
    store: LocalObjectStore, tmp_path: Path
) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    source = memory / f"mediakiln-{os.getpid()}"
    data = pattern(3_000_000)
    try:
        source.write_bytes(data)
        await store.put_file(Bucket.INPUT, "k", source)
        source.write_bytes(b"changed")
    finally:
        source.unlink()
    assert await store.get(Bucket.INPUT, "k") == data


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EOPNOTSUPP])
async def test_a_file_system_without_range_copies_is_copied_by_sendfile(
    store: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    data = pattern(3_000_000)
    await store.put(Bucket.INPUT, "k", data)
    monkeypatch.setattr(os, "copy_file_range", refuse)
    await store.download(Bucket.INPUT, "k", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == data


async def test_a_cancelled_download_ends_early_and_leaves_no_file(
    store: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put(Bucket.INPUT, "k", pattern(3_000_000))
    reached = threading.Event()
    copy = os.copy_file_range

    def slowly(source: int, target: int, count: int, offset: int) -> int:
        reached.set()
        time.sleep(0.1)  # more than a minute for all of it
        return copy(source, target, min(count, 4096), offset)

    monkeypatch.setattr(os, "copy_file_range", slowly)
    task = asyncio.create_task(store.download(Bucket.INPUT, "k", tmp_path / "target"))
    await asyncio.to_thread(reached.wait)
    task.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 30
    assert not (tmp_path / "target").exists()


async def test_folders_made_for_an_object_are_synced_up_to_the_known_ones(
    store: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    bucket = tmp_path / "store/input"

    async def synced_by(key: str) -> list[int]:
        synced.clear()
        await store.put(Bucket.INPUT, key, b"x")
        return list(synced)

    def inodes(*names: str) -> list[int]:
        return [(bucket / name).stat().st_ino for name in names]

    assert await synced_by("a/b/c") == inodes("a/b/c", "a/b", "a", ".")
    assert await synced_by("a/b/d") == inodes("a/b/d", "a/b")
    assert await synced_by("a/e/f") == inodes("a/e/f", "a/e", "a")
    shutil.rmtree(bucket / "a/b")
    for number in range(16):
        (tmp_path / f"takes a free inode number {number}").mkdir()
    assert await synced_by("a/b/c") == inodes("a/b/c", "a/b", "a")


async def test_memory_use_does_not_depend_on_an_objects_size(store: LocalObjectStore) -> None:
    chunk = pattern(65_536)

    async def stream(megabytes: int) -> int:
        async with store.writer(Bucket.INPUT, "big") as writer:
            for _ in range(megabytes * 16):
                await writer.write(chunk)
            await writer.commit()
        async for part in store.stream(Bucket.INPUT, "big"):
            assert len(part) <= 1 << 20
        return _resident()

    before = await stream(8)
    assert await stream(256) - before < 16 << 20


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_cancelled_call_is_waited_for_however_often_it_is_cancelled() -> None:
    threads = Threads(1)
    release = threading.Event()
    ended = threading.Event()

    def work() -> None:
        release.wait()
        ended.set()

    task = asyncio.create_task(threads.run(work))
    for _ in range(3):
        await asyncio.sleep(0.01)
        task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    await threads.close()


async def test_a_hurried_call_is_told_once_and_its_error_is_not_lost_to_the_log() -> None:
    threads = Threads(1)
    told = threading.Event()

    def work() -> None:
        told.wait()
        raise OSError(errno.ECANCELED, "stopped")

    waiting = asyncio.create_task(finished(threads.start(work), hurry=told.set))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await threads.close()


def test_vectored_writes_finish_what_the_system_takes_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writev = os.writev

    def grudging(descriptor: int, views: list[memoryview]) -> int:
        return writev(descriptor, [views[0][:3]])

    monkeypatch.setattr(os, "writev", grudging)
    pieces: list[bytes | bytearray] = [b"ab", b"", bytearray(b"cdefgh"), b"i", pattern(50)]
    with files.create_new(str(tmp_path / "f")) as target:
        assert files.write_all(target, pieces) == 59
    assert (tmp_path / "f").read_bytes() == b"abcdefghi" + pattern(50)
