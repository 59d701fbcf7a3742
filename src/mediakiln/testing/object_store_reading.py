"""The object store contract: how objects are read, listed and deleted."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediakiln.model.errors import AlreadyExists, InvalidRequest, ObjectMissing
from mediakiln.model.keys import Bucket
from mediakiln.ports.object_store import ObjectStore
from mediakiln.testing.object_store_tools import (
    assert_absent,
    keys_of,
    listed,
    pattern,
    read_all,
)


class ReadingTests:
    """Bytes out."""

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (0, None),
            (0, 0),
            (0, 1),
            (1, None),
            (999_999, 2_000_001),
            (1 << 20, 2 << 20),
            (2_999_999, None),
            (2_999_999, 99_000_000),
            (3_000_000, None),
            (3_000_000, 3_000_001),
            (99_000_000, None),
            (5, 5),
        ],
    )
    async def test_a_range_gives_what_a_slice_gives(
        self, store: ObjectStore, start: int, end: int | None
    ) -> None:
        data = pattern(3_000_000)
        await store.put(Bucket.INPUT, "k", data)
        assert await read_all(store, "k", start=start, end=end) == data[start:end]

    @pytest.mark.parametrize(("start", "end"), [(-1, None), (0, -1), (2, 1)])
    async def test_what_is_no_range_is_refused(
        self, store: ObjectStore, start: int, end: int
    ) -> None:
        await store.put(Bucket.INPUT, "k", b"bytes")
        with pytest.raises(InvalidRequest):
            await read_all(store, "k", start=start, end=end)

    async def test_an_empty_object_streams_no_chunk(self, store: ObjectStore) -> None:
        await store.put(Bucket.INPUT, "k", b"")
        assert await read_all(store, "k") == b""

    async def test_a_missing_object_is_told_by_every_call(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        await store.put(Bucket.INPUT, "folder/object", b"x")
        for key in ("nothing", "no/thing", "folder", "folder/object/below"):
            await assert_absent(store, key)
            with pytest.raises(ObjectMissing):
                await read_all(store, key, start=7, end=7)
            with pytest.raises(ObjectMissing):
                await store.download(Bucket.INPUT, key, tmp_path / "target")
            with pytest.raises(ObjectMissing):
                await store.copy((Bucket.INPUT, key), (Bucket.ARCHIVE, "copy"))
            await store.delete(Bucket.INPUT, [key])
        assert not (tmp_path / "target").exists()
        assert await keys_of(store) == ["folder/object"]
        assert await keys_of(store, bucket=Bucket.ARCHIVE) == []

    async def test_a_stream_once_begun_gives_one_version_whole(self, store: ObjectStore) -> None:
        data = pattern(5_000_000)
        await store.put(Bucket.INPUT, "k", data)
        stream = aiter(store.stream(Bucket.INPUT, "k"))
        got = [await anext(stream)]
        await store.put(Bucket.INPUT, "k", b"new")
        await store.delete(Bucket.INPUT, ["k"])
        got += [chunk async for chunk in stream]
        assert b"".join(got) == data

    async def test_a_stream_may_be_left_at_any_time(self, store: ObjectStore) -> None:
        await store.put(Bucket.INPUT, "k", pattern(5_000_000))
        for _ in range(20):
            first = asyncio.ensure_future(anext(aiter(store.stream(Bucket.INPUT, "k"))))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.wait([first])
            async for chunk in store.stream(Bucket.INPUT, "k", start=1):
                assert chunk[:9] == pattern(10)[1:]
                break
        assert await read_all(store, "k") == pattern(5_000_000)

    async def test_a_download_is_a_new_file_of_its_own(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        data = pattern(5_000_000)
        await store.put(Bucket.INPUT, "k", data)
        target = tmp_path / "target"
        await store.download(Bucket.INPUT, "k", target)
        assert target.read_bytes() == data
        with pytest.raises(AlreadyExists):
            await store.download(Bucket.INPUT, "k", target)
        target.write_bytes(b"changed")
        assert await store.get(Bucket.INPUT, "k") == data

    async def test_the_time_of_writing_is_told(self, store: ObjectStore) -> None:
        info = await store.put(Bucket.INPUT, "k", b"x")
        assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=5)


class ListingTests:
    """What is there, in order."""

    async def test_more_than_a_thousand_objects_are_listed_in_key_order(
        self, store: ObjectStore
    ) -> None:
        keys = [f"{n % 7}/{n % 11}/{n:04d}" for n in range(1_205)]
        keys += ["a", "a!/x", "a-b", "a.b/c", "a/b", "a/b!", "a0", "ab/c", "é", "ﬀ"]
        await _put_all(store, keys)
        expected = sorted(set(keys) - {"a"}, key=str.encode)
        assert await keys_of(store) == expected
        for prefix in ("3/", "3/1", "3/1/", "a", "a/", "a/b", "é", "none", "none/"):
            wanted = [key for key in expected if key.startswith(prefix)]
            assert await keys_of(store, prefix) == wanted
        for after in (expected[0], expected[600], expected[-1], "3/", "3/1/5", "a/", "a/a", "~"):
            wanted = [key for key in expected if key > after]
            assert await keys_of(store, start_after=after) == wanted
            wanted = [key for key in wanted if key.startswith("3/")]
            assert await keys_of(store, "3/", start_after=after) == wanted

    async def test_keys_are_in_the_order_of_code_points(self, store: ObjectStore) -> None:
        keys = ["z", "é", "ﬀ", "\U0001f525"]  # UTF-16 has the last two the other way round
        await _put_all(store, keys[::-1])
        assert await keys_of(store) == keys

    async def test_a_listing_can_be_resumed_from_any_key(self, store: ObjectStore) -> None:
        for n in range(20):
            await store.put(Bucket.INPUT, f"d{n % 3}/{n:02d}", b"x")
        whole = await listed(store)
        for position, info in enumerate(whole):
            assert await listed(store, start_after=info.key) == whole[position + 1 :]

    @pytest.mark.parametrize("prefix", ["../", "/", "a/../", "a//", "./", "nul\0"])
    async def test_a_prefix_cannot_lead_out_of_the_bucket(
        self, store: ObjectStore, prefix: str
    ) -> None:
        with pytest.raises(InvalidRequest):
            await listed(store, prefix)

    async def test_an_empty_bucket_lists_nothing(self, store: ObjectStore) -> None:
        for bucket in Bucket:
            assert await listed(store, bucket=bucket) == []

    async def test_objects_may_come_and_go_while_they_are_listed(self, store: ObjectStore) -> None:
        stay = [f"stay/{n:04d}" for n in range(600)]
        go = [f"go/{n:04d}" for n in range(600)]
        await _put_all(store, stay)
        await _put_all(store, go)
        found: list[str] = []
        async for info in store.list(Bucket.INPUT):
            if not found:
                await store.delete(Bucket.INPUT, go)
                await store.put(Bucket.INPUT, "new/one", b"x")
            found.append(info.key)
        assert found == sorted(found)
        assert set(stay) <= set(found) <= {*stay, *go, "new/one"}


class DeletingTests:
    """What is gone."""

    async def test_deleting_is_final_and_may_be_repeated(self, store: ObjectStore) -> None:
        keys = [f"d/{n}/f" for n in range(1_050)]  # a request of S3 deletes a thousand
        await _put_all(store, [*keys, "d/kept"])
        for _ in range(2):
            await store.delete(Bucket.INPUT, [*keys, "never/was"])
        assert await keys_of(store) == ["d/kept"]
        await store.delete(Bucket.INPUT, [])
        await store.put(Bucket.INPUT, keys[0], b"again")
        assert await store.get(Bucket.INPUT, keys[0]) == b"again"

    async def test_a_key_may_become_a_folder_once_it_is_deleted(self, store: ObjectStore) -> None:
        await store.put(Bucket.INPUT, "a/b", b"x")
        await store.delete(Bucket.INPUT, ["a/b"])
        await store.put(Bucket.INPUT, "a", b"y")
        await store.delete(Bucket.INPUT, ["a"])
        await store.put(Bucket.INPUT, "a/b/c", b"z")
        assert await keys_of(store) == ["a/b/c"]


async def _put_all(store: ObjectStore, keys: list[str]) -> None:
    async def put(some: list[str]) -> None:
        for key in some:
            if key != "a":  # "a/b" is there too, and a file system holds only one of them
                await store.put(Bucket.INPUT, key, b"x")

    async with asyncio.TaskGroup() as group:
        for worker in range(8):
            group.create_task(put(keys[worker::8]))
