"""The object store contract: how objects come to be, and how they do not."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from blake3 import blake3

from mediakiln.model.errors import (
    AlreadyExists,
    ChecksumMismatch,
    InvalidRequest,
    MediakilnError,
)
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectStore
from mediakiln.testing.object_store_tools import (
    BAD_KEYS,
    ODD_KEYS,
    assert_absent,
    keys_of,
    listed,
    odd_cuts,
    pattern,
    read_all,
)


class WritingTests:
    """Whole objects in, or none."""

    @pytest.mark.parametrize("size", [0, 1, 1023, 1 << 20, (1 << 20) + 1, 5_000_000])
    async def test_put_keeps_every_byte_and_says_what_it_kept(
        self, store: ObjectStore, size: int
    ) -> None:
        data = pattern(size)
        info = await store.put(Bucket.INPUT, "a/b", data)
        assert (info.key, info.size) == ("a/b", size)
        assert await store.head(Bucket.INPUT, "a/b") == info
        assert await listed(store) == [info]
        assert await store.get(Bucket.INPUT, "a/b") == data

    async def test_buckets_are_apart(self, store: ObjectStore) -> None:
        for bucket in Bucket:
            await store.put(bucket, "same", bucket.encode())
        await store.delete(Bucket.INPUT, ["same"])
        await assert_absent(store, "same")
        for bucket in (Bucket.PRODUCTION, Bucket.ARCHIVE):
            assert await store.get(bucket, "same") == bucket.encode()

    @pytest.mark.parametrize("key", ODD_KEYS)
    async def test_odd_names_are_kept_as_they_are(self, store: ObjectStore, key: str) -> None:
        await store.put(Bucket.INPUT, key, b"odd")
        assert await keys_of(store) == [key]
        assert await read_all(store, key) == b"odd"
        await store.copy((Bucket.INPUT, key), (Bucket.ARCHIVE, key))
        await store.delete(Bucket.INPUT, [key])
        await assert_absent(store, key)
        assert await store.get(Bucket.ARCHIVE, key) == b"odd"

    @pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
    async def test_a_bad_key_is_refused_by_every_call(
        self, store: ObjectStore, key: str, tmp_path: Path
    ) -> None:
        await store.put(Bucket.INPUT, "good", b"good")
        bad, good = (Bucket.INPUT, key), (Bucket.INPUT, "good")
        source = tmp_path / "source"
        source.write_bytes(b"x")
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: store.put(*bad, b"x"),
            lambda: store.put_file(*bad, source),
            lambda: store.head(*bad),
            lambda: store.get(*bad),
            lambda: anext(aiter(store.stream(*bad))),
            lambda: store.download(*bad, tmp_path / "target"),
            lambda: store.copy(bad, good),
            lambda: store.copy(good, bad),
            lambda: store.delete(Bucket.INPUT, ["good", key]),
        ]
        for call in calls:
            with pytest.raises(InvalidRequest):
                await call()
        with pytest.raises(InvalidRequest):
            store.writer(*bad)
        assert await keys_of(store) == ["good"]
        assert not (tmp_path / "target").exists()

    async def test_a_stream_in_odd_chunks_arrives_whole(self, store: ObjectStore) -> None:
        data = pattern(64 << 20)
        async with store.writer(Bucket.INPUT, "big") as writer:
            for chunk in odd_cuts(data):
                await writer.write(chunk)
            info = await writer.commit()
        assert info.size == len(data)
        assert await read_all(store, "big") == data

    async def test_a_writer_does_not_hold_on_to_the_callers_memory(
        self, store: ObjectStore
    ) -> None:
        memory = bytearray(2 << 20)
        async with store.writer(Bucket.INPUT, "reused") as writer:
            for turn in range(4):
                memory[:] = bytes([turn]) * len(memory)
                await writer.write(memoryview(memory))
            await writer.commit()
        stored = await store.get(Bucket.INPUT, "reused")
        assert stored == b"".join(bytes([turn]) * len(memory) for turn in range(4))

    async def test_many_tiny_chunks_arrive_in_order(self, store: ObjectStore) -> None:
        data = pattern(100_000)
        async with store.writer(Bucket.INPUT, "tiny") as writer:
            for position in range(len(data)):
                await writer.write(data[position : position + 1])
            await writer.commit()
        assert await store.get(Bucket.INPUT, "tiny") == data

    async def test_a_writer_with_no_bytes_makes_an_empty_object(self, store: ObjectStore) -> None:
        async with store.writer(Bucket.INPUT, "empty") as writer:
            info = await writer.commit()
        assert info.size == 0
        assert await store.get(Bucket.INPUT, "empty") == b""

    @pytest.mark.parametrize("size", [10, 5_000_000])
    async def test_nothing_is_visible_before_commit(self, store: ObjectStore, size: int) -> None:
        async with store.writer(Bucket.INPUT, "late/one") as writer:
            await writer.write(pattern(size))
            await assert_absent(store, "late/one")
            assert await listed(store) == []
            await writer.commit()
            assert await keys_of(store) == ["late/one"]

    @pytest.mark.parametrize("size", [0, 10, 5_000_000])
    async def test_a_writer_left_without_commit_leaves_no_trace(
        self, store: ObjectStore, size: int
    ) -> None:
        await store.put(Bucket.INPUT, "kept", b"old")
        for key in ("gone/one", "kept"):
            async with store.writer(Bucket.INPUT, key) as writer:
                await writer.write(pattern(size))

        async def fail() -> None:
            async with store.writer(Bucket.INPUT, "gone/two") as writer:
                await writer.write(pattern(size))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await keys_of(store) == ["kept"]
        assert await store.get(Bucket.INPUT, "kept") == b"old"

    async def test_a_task_cancelled_while_writing_leaves_no_trace(self, store: ObjectStore) -> None:
        started = asyncio.Event()

        async def upload() -> None:
            async with store.writer(Bucket.INPUT, "cut/short") as writer:
                while True:
                    await writer.write(pattern(1_500_000))
                    started.set()
                    await asyncio.sleep(0)

        for _ in range(5):
            started.clear()
            task = asyncio.create_task(upload())
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await assert_absent(store, "cut/short")
        assert await listed(store) == []

    async def test_a_writer_is_of_no_use_after_its_end(self, store: ObjectStore) -> None:
        async with store.writer(Bucket.INPUT, "once") as writer:
            await writer.write(b"once")
            await writer.commit()
            with pytest.raises(MediakilnError):
                await writer.write(b"more")
            with pytest.raises(MediakilnError):
                await writer.commit()
        assert await store.get(Bucket.INPUT, "once") == b"once"

    async def test_an_object_is_overwritten_unless_it_must_not_be(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"file")
        first = await store.put(Bucket.INPUT, "k", b"one!", if_absent=True)
        attempts: list[Callable[[], Awaitable[object]]] = [
            lambda: store.put(Bucket.INPUT, "k", b"no", if_absent=True),
            lambda: store.put_file(Bucket.INPUT, "k", source, if_absent=True),
            lambda: store.copy((Bucket.INPUT, "k"), (Bucket.INPUT, "k"), if_absent=True),
        ]
        for attempt in attempts:
            with pytest.raises(AlreadyExists):
                await attempt()
        async with store.writer(Bucket.INPUT, "k", if_absent=True) as writer:
            await writer.write(pattern(3_000_000))
            with pytest.raises(AlreadyExists):
                await writer.commit()
        assert await store.head(Bucket.INPUT, "k") == first
        await store.put(Bucket.INPUT, "k", b"two!")
        assert await store.get(Bucket.INPUT, "k") == b"two!"
        assert await keys_of(store) == ["k"]

    async def test_the_etag_changes_whenever_the_bytes_do(self, store: ObjectStore) -> None:
        seen = set()
        for turn in range(200):
            info = await store.put(Bucket.INPUT, "k", f"{turn:06d}".encode())
            assert await store.head(Bucket.INPUT, "k") == info
            seen.add(info.etag)
        assert len(seen) == 200

    @pytest.mark.parametrize("size", [0, 10, 5_000_000])
    async def test_a_file_is_stored_and_can_be_stored_again(
        self, store: ObjectStore, tmp_path: Path, size: int
    ) -> None:
        source = tmp_path / "source"
        source.write_bytes(pattern(size))
        info = await store.put_file(Bucket.INPUT, "d/f", source)
        assert info.size == size
        assert await store.head(Bucket.INPUT, "d/f") == info
        await store.put_file(Bucket.INPUT, "d/f", source)
        await store.put_file(Bucket.INPUT, "d/g", source)
        source.unlink()
        for key in ("d/f", "d/g"):
            assert await store.get(Bucket.INPUT, key) == pattern(size)
        assert await keys_of(store) == ["d/f", "d/g"]

    @pytest.mark.parametrize("size", [0, 10, 20_000_000])
    async def test_a_file_is_stored_only_with_the_checksum_it_must_have(
        self, store: ObjectStore, tmp_path: Path, size: int
    ) -> None:
        source = tmp_path / "source"
        source.write_bytes(pattern(size))
        announced = f"blake3:{blake3(pattern(size)).hexdigest()}"
        info = await store.put_file(Bucket.INPUT, "right", source, checksum=announced)
        assert await store.head(Bucket.INPUT, "right") == info
        assert await read_all(store, "right") == pattern(size)
        other = f"blake3:{blake3(b'other').hexdigest()}"
        for key in ("right", "wrong/one"):
            with pytest.raises(ChecksumMismatch):
                await store.put_file(Bucket.INPUT, key, source, checksum=other)
        assert await listed(store) == [info]
        assert source.read_bytes() == pattern(size)

    async def test_only_plain_files_are_taken(self, store: ObjectStore, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(b"secret")
        link, pipe, missing = tmp_path / "link", tmp_path / "pipe", tmp_path / "missing"
        link.symlink_to(secret)
        os.mkfifo(pipe)
        for path in (link, pipe, missing, tmp_path, secret / "below"):
            with pytest.raises(InvalidRequest):
                await store.put_file(Bucket.INPUT, "k", path)
        await assert_absent(store, "k")

    async def test_a_copy_lives_on_without_its_source(self, store: ObjectStore) -> None:
        await store.put(Bucket.INPUT, "from", b"first")
        info = await store.copy((Bucket.INPUT, "from"), (Bucket.ARCHIVE, "2026-01-01/to"))
        assert await store.head(Bucket.ARCHIVE, "2026-01-01/to") == info
        await store.put(Bucket.INPUT, "from", b"later")
        assert await store.get(Bucket.ARCHIVE, "2026-01-01/to") == b"first"
        await store.delete(Bucket.INPUT, ["from"])
        assert await store.get(Bucket.ARCHIVE, "2026-01-01/to") == b"first"

    async def test_a_copy_onto_itself_or_onto_its_twin_changes_nothing(
        self, store: ObjectStore
    ) -> None:
        await store.put(Bucket.INPUT, "a", b"bytes")
        await store.copy((Bucket.INPUT, "a"), (Bucket.INPUT, "b"))
        await store.copy((Bucket.INPUT, "a"), (Bucket.INPUT, "b"))
        await store.copy((Bucket.INPUT, "a"), (Bucket.INPUT, "a"))
        assert await keys_of(store) == ["a", "b"]
        for key in ("a", "b"):
            assert await store.get(Bucket.INPUT, key) == b"bytes"
