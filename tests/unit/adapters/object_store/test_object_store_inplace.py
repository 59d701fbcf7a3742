"""Parts written in place: what the contract cannot see from outside."""

import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.adapters.object_store.multipart.journal import Entry, Journal
from mediakiln.model.errors import InvalidPart, NotFound, UploadBusy
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Part
from mediakiln.testing.multipart_tools import KEY, begun, listed_parts, write, written
from mediakiln.testing.object_store_tools import pattern

_DIGEST = "ab" * 32
_TERABYTE = 1 << 40


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def store(root: Path) -> AsyncIterator[LocalObjectStore]:
    store = LocalObjectStore(root)
    await store.ensure()
    yield store
    await store.close()


def _pretend(root: Path, upload: str, entries: Sequence[Entry]) -> None:
    """Have parts durable without writing their bytes, which are then zeroes."""
    folder = root / ".multipart" / upload
    with Journal.opened(str(folder / "parts"), Bucket.INPUT, KEY) as journal:
        journal.write(*entries)
    os.truncate(folder / "data", max(entry.end for entry in entries))


async def test_the_object_is_the_file_that_the_parts_were_written_to(
    store: LocalObjectStore, root: Path
) -> None:
    upload = await begun(store)
    parts = await written(store, upload, [pattern(3_000_000), b"end"])
    data = (root / ".multipart" / upload / "data").stat()
    await store.complete(Bucket.INPUT, KEY, upload, parts)
    there = store.local_path(Bucket.INPUT, KEY).stat()
    assert there.st_ino == data.st_ino
    assert there.st_nlink == 1
    assert there.st_mode & 0o222 == 0
    assert list((root / ".multipart").iterdir()) == []


async def test_ten_thousand_parts_of_many_terabytes_cost_no_byte(
    store: LocalObjectStore, root: Path
) -> None:
    upload = await begun(store)
    size = 5 * _TERABYTE // 10_000
    entries = [Entry(Part(n, size, _DIGEST), (n - 1) * size) for n in range(1, 10_001)]
    try:
        _pretend(root, upload, entries)
    except OSError:
        pytest.skip("the file system takes no file of 5 TB")
    tail = await write(store, upload, 10_001, b"the very end", offset=10_000 * size)
    parts = await listed_parts(store, upload)
    assert len(parts) == 10_001
    info = await store.complete(Bucket.INPUT, KEY, upload, parts)
    assert info.size == 10_000 * size + tail.size
    path = store.local_path(Bucket.INPUT, KEY)
    assert path.stat().st_blocks * 512 < 1 << 20
    end = [c async for c in store.stream(Bucket.INPUT, KEY, start=info.size - tail.size)]
    assert b"".join(end) == b"the very end"


async def test_a_part_may_not_lie_over_another_ones_bytes(store: LocalObjectStore) -> None:
    upload = await begun(store)
    whole = await write(store, upload, 5, pattern(1000), offset=1000)
    for number, offset, size in ((4, 999, 2), (4, 0, 1001), (6, 1999, 5), (6, 0, 10), (4, 2000, 1)):
        with pytest.raises(InvalidPart):
            await write(store, upload, number, bytes(size), offset=offset)
    assert await listed_parts(store, upload) == [whole]
    await write(store, upload, 4, bytes(1000))
    await write(store, upload, 6, bytes(9), offset=2000)
    await write(store, upload, 5, pattern(999), offset=1000)
    parts = await listed_parts(store, upload)
    with pytest.raises(InvalidPart):
        await store.complete(Bucket.INPUT, KEY, upload, parts)
    await write(store, upload, 5, pattern(1000), offset=1000)
    parts = await listed_parts(store, upload)
    await store.complete(Bucket.INPUT, KEY, upload, parts)
    assert await store.get(Bucket.INPUT, KEY) == bytes(1000) + pattern(1000) + bytes(9)


async def test_writers_whose_bytes_overlap_are_kept_apart_whatever_their_numbers(
    store: LocalObjectStore,
) -> None:
    upload = await begun(store)
    async with store.part_writer(Bucket.INPUT, KEY, upload, 1, offset=0, size=1000) as one:
        with pytest.raises(UploadBusy):
            await write(store, upload, 2, b"x", offset=999)
        await write(store, upload, 3, b"x", offset=1000)
        await one.write(bytes(1000))
        await one.commit()
    with pytest.raises(InvalidPart):
        await write(store, upload, 2, b"x", offset=999)


async def test_a_part_beyond_the_file_systems_reach_is_refused_before_its_bytes(
    store: LocalObjectStore, root: Path
) -> None:
    upload = await begun(store)
    far = store.part_rules.max_object_bytes - 1
    try:
        os.truncate(root / ".multipart" / upload / "data", far)
    except OSError:
        with pytest.raises(InvalidPart):
            await write(store, upload, 1, b"x", offset=far)
    else:
        pytest.skip("the file system takes files of a petabyte")


async def test_a_part_is_in_the_journal_after_its_bytes_are_on_the_disk_and_never_while_torn(
    store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begun(store)
    old = await write(store, upload, 1, pattern(2_000_000, 1))
    seen: list[str] = []

    def noted(place: Any, name: str, word: str) -> None:
        call = getattr(place, name)

        def again(*args: Any, **kwargs: Any) -> Any:
            if not seen or seen[-1] != word:
                seen.append(word)
            return call(*args, **kwargs)

        monkeypatch.setattr(place, name, again)

    noted(os, "fdatasync", "sync")
    noted(os, "writev", "bytes")
    noted(os, "pwrite", "record")
    new = await write(store, upload, 1, pattern(2_000_000, 2))
    assert seen == ["record", "sync", "bytes", "sync", "record", "sync"]
    assert await listed_parts(store, upload) == [new] != [old]


@pytest.mark.parametrize(("behind", "kept"), [(b"the same", True), (b"another!", False)])
async def test_a_part_that_is_sent_again_and_breaks_off_stays_unless_it_became_another(
    store: LocalObjectStore, behind: bytes, *, kept: bool
) -> None:
    upload = await begun(store)
    data = pattern(2_000_000) + b"the same" + pattern(1_000_000)
    old = await write(store, upload, 1, data)
    async with store.part_writer(Bucket.INPUT, KEY, upload, 1, offset=0, size=len(data)) as writer:
        await writer.write(data[:2_000_000] + behind)
    assert await listed_parts(store, upload) == ([old] if kept else [])
    assert await write(store, upload, 1, data) == old
    await store.complete(Bucket.INPUT, KEY, upload, [old])
    assert await store.get(Bucket.INPUT, KEY) == data


async def test_a_torn_record_counts_as_no_part(store: LocalObjectStore, root: Path) -> None:
    upload = await begun(store)
    one, two, three = await written(store, upload, [pattern(100, n) for n in range(3)])
    path = root / ".multipart" / upload / "parts"
    data = bytearray(path.read_bytes())
    data[4096 + 64 + 20] ^= 1
    path.write_bytes(data)
    assert await listed_parts(store, upload) == [one, three]
    await write(store, upload, 2, pattern(100, 1), offset=100)
    assert await listed_parts(store, upload) == [one, two, three]
    path.write_bytes(path.read_bytes()[:-30])
    assert await listed_parts(store, upload) == [one, two]


async def test_a_start_sweeps_what_crashes_left_and_what_was_forgotten(
    store: LocalObjectStore, root: Path
) -> None:
    alive, forgotten, empty = [await begun(store) for _ in range(3)]
    part = await write(store, alive, 1, b"x")
    await write(store, forgotten, 1, b"x")
    uploads = root / ".multipart"
    (uploads / empty / "data").unlink()
    (uploads / "not-ours").mkdir()
    await store.ensure()
    assert {path.name for path in uploads.iterdir()} == {alive, forgotten, empty, "not-ours"}
    long_ago = time.time() - 31 * 86_400
    for path in (uploads / forgotten).iterdir():
        os.utime(path, (long_ago, long_ago))
    for path in (uploads / empty / "parts", uploads / empty):
        os.utime(path, (long_ago, long_ago))
    await store.ensure()
    assert {path.name for path in uploads.iterdir()} == {alive, "not-ours"}
    assert await listed_parts(store, alive) == [part]
    with pytest.raises(NotFound):
        await listed_parts(store, forgotten)


async def test_aborting_frees_the_space_of_parts_at_once(
    store: LocalObjectStore, root: Path
) -> None:
    upload = await begun(store)
    await write(store, upload, 7, pattern(3_000_000), offset=1 << 33)
    held = sum(path.stat().st_blocks for path in root.rglob("*") if path.is_file())
    await store.abort(Bucket.INPUT, KEY, upload)
    left = sum(path.stat().st_blocks for path in root.rglob("*") if path.is_file())
    assert (held - left) * 512 >= 3_000_000


@pytest.mark.parametrize("size", [3_000_000, None])
async def test_a_part_that_breaks_off_gives_its_space_back(
    store: LocalObjectStore, root: Path, size: int | None
) -> None:
    """A part that filled the disk must not keep it full."""
    upload = await begun(store)
    below = await write(store, upload, 1, pattern(300_000))
    above = await write(store, upload, 3, pattern(300_000, 3), offset=4_000_000)
    held = (root / ".multipart" / upload / "data").stat().st_blocks
    async with store.part_writer(Bucket.INPUT, KEY, upload, 2, offset=300_000, size=size) as writer:
        await writer.write(pattern(2_000_000, 2))
    left = (root / ".multipart" / upload / "data").stat().st_blocks
    assert (left - held) * 512 <= 16_384
    assert await listed_parts(store, upload) == [below, above]
    middle = await write(store, upload, 2, pattern(3_700_000, 2), offset=300_000)
    await store.complete(Bucket.INPUT, KEY, upload, [below, middle, above])
    data = pattern(300_000) + pattern(3_700_000, 2) + pattern(300_000, 3)
    assert await store.get(Bucket.INPUT, KEY) == data
