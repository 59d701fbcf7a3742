"""Parts without offsets, on a store that writes them in place."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.clock import utc_now
from mediakiln.model.errors import InvalidPart, NotFound
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.upload import Offer, Upload
from mediakiln.ports.multipart import Part
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.s3.placed import PlacedParts, PlainParts, placing
from mediakiln.stages.uploads.s3.sent import SentPart

SIZE = 3000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalObjectStore]:
    store = LocalObjectStore(tmp_path / "store")
    await store.ensure()
    yield store
    await store.close()


@pytest.fixture
def book() -> UploadBook:
    return UploadBook(MemoryCatalog.from_url("memory://"))


class Sending:
    """One upload, and what its client knows."""

    def __init__(self, parts: PlacedParts, book: UploadBook, upload: Upload) -> None:
        self.parts = parts
        self.book = book
        self.first = upload
        self.sent: dict[int, SentPart] = {}

    async def upload(self) -> Upload:
        return await self.book.get(self.first.project, self.first.id)

    async def send(self, number: int, data: bytes, *, stuck: asyncio.Event | None = None) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield data[:100]
            if stuck is not None:
                stuck.set()
                await asyncio.Event().wait()
            yield data[100:]

        upload = await self.upload()
        part, aside = await self.parts.write(upload, number, len(data), body())
        self.sent[number] = SentPart(
            number=number, size=part.size, md5="", etag=part.etag, aside=aside
        )

    @property
    def aside(self) -> list[int]:
        return [number for number in sorted(self.sent) if self.sent[number].aside]

    async def complete(self, *numbers: int) -> None:
        named = [self.sent[number] for number in numbers or sorted(self.sent)]
        await self.parts.complete(await self.upload(), named)


@pytest.fixture
async def sending(store: LocalObjectStore, book: UploadBook) -> Sending:
    parts = placing(store, book)
    assert isinstance(parts, PlacedParts)
    id, now = new_id(), utc_now()
    key = input_key("default", id, now)
    upload = Upload.of(
        Offer(name="a"),
        id=id,
        protocol="s3",
        key=key,
        by="owner",
        created_at=now,
        expires_at=now + timedelta(days=1),
        token=await parts.begin(key),
    )
    return Sending(parts, book, await book.open(upload))


def pieces(*sizes: int) -> list[bytes]:
    made = random.Random(str(sizes))  # noqa: S311 - no secret
    return [made.randbytes(size) for size in sizes]


def leftovers(tmp_path: Path) -> Iterator[str]:
    """Files that are no objects of their own."""
    for folder, _, files in os.walk(tmp_path / "store"):
        yield from (f"{folder}/{file}" for file in files if ".multipart" in folder)
        yield from (f"{folder}/{file}" for file in files if ".parts" in folder)


async def test_what_tools_send_is_written_once(
    sending: Sending, store: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pieces(SIZE, SIZE, SIZE, 7)
    await sending.send(1, data[0])
    await asyncio.gather(*(sending.send(number, data[number - 1]) for number in (4, 2, 3)))
    await sending.send(2, data[1])
    assert sending.aside == []

    def no_writer(*_: Any, **__: Any) -> Any:
        raise AssertionError("bytes were written again")

    monkeypatch.setattr(store, "writer", no_writer)
    monkeypatch.setattr(store, "part_writer", no_writer)
    await sending.complete()
    assert await store.get(Bucket.INPUT, sending.first.key) == b"".join(data)
    assert list(leftovers(tmp_path)) == []


async def test_parts_that_come_before_the_first_are_moved_to_their_places(
    sending: Sending, store: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pieces(SIZE, SIZE, 7)
    for number in (3, 2, 1):
        await sending.send(number, data[number - 1])
    assert sending.aside == [2, 3]

    async def no_join(*_: Any) -> None:
        raise AssertionError("all bytes were written again")

    monkeypatch.setattr(sending.parts, "_join", no_join)
    await sending.complete()
    assert await store.get(Bucket.INPUT, sending.first.key) == b"".join(data)
    assert list(leftovers(tmp_path)) == []


@pytest.mark.parametrize(
    ("sizes", "order"),
    [
        ((SIZE, 10, SIZE, 7), (1, 2, 3, 4)),
        ((10, SIZE, 10, SIZE), (1, 2, 3, 4)),
        ((SIZE, SIZE + 1, SIZE), (2, 1, 3)),
        ((SIZE, SIZE, SIZE), (1, 3)),
        ((SIZE, SIZE, SIZE), (2, 3)),
    ],
    ids=["short in the middle", "longer than the first", "longer, early", "a gap", "no first"],
)
async def test_parts_of_other_sizes_are_joined(
    sending: Sending,
    store: LocalObjectStore,
    tmp_path: Path,
    sizes: tuple[int, ...],
    order: tuple[int, ...],
) -> None:
    data = pieces(*sizes)
    for number in order:
        await sending.send(number, data[number - 1])
    await sending.complete()
    wanted = b"".join(data[number - 1] for number in sorted(order))
    assert await store.get(Bucket.INPUT, sending.first.key) == wanted
    assert list(leftovers(tmp_path)) == []


async def test_a_part_that_is_being_written_may_be_sent_again(
    sending: Sending, store: LocalObjectStore
) -> None:
    data = pieces(SIZE, SIZE)
    await sending.send(1, data[0])
    holds = asyncio.Event()
    stuck = asyncio.create_task(sending.send(2, b"x" * SIZE, stuck=holds))
    await holds.wait()
    await sending.send(2, data[1])
    assert sending.aside == [2]
    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)
    await sending.complete()
    assert await store.get(Bucket.INPUT, sending.first.key) == b"".join(data)


async def test_a_part_that_is_not_there_any_more_makes_no_object(
    sending: Sending, store: LocalObjectStore
) -> None:
    data = pieces(SIZE, SIZE, SIZE + 5)
    for number in (1, 2, 3):
        await sending.send(number, data[number - 1])
    for number in (2, 3):
        known = sending.sent[number]
        sending.sent[number] = known.model_copy(update={"etag": "0"})
        with pytest.raises(InvalidPart):
            await sending.complete()
        sending.sent[number] = known
    assert await store.head(Bucket.INPUT, sending.first.key) is None
    await sending.complete()
    assert await store.get(Bucket.INPUT, sending.first.key) == b"".join(data)


async def test_calls_that_complete_at_once_make_one_object(
    sending: Sending, store: LocalObjectStore
) -> None:
    data = pieces(SIZE, 10, SIZE)
    for number in (2, 1, 3):
        await sending.send(number, data[number - 1])
    found = await asyncio.gather(*(sending.complete() for _ in range(3)), return_exceptions=True)
    assert any(each is None for each in found)
    assert all(each is None or isinstance(each, InvalidPart | NotFound) for each in found)
    assert await store.get(Bucket.INPUT, sending.first.key) == b"".join(data)


async def test_what_is_aborted_leaves_nothing(sending: Sending, tmp_path: Path) -> None:
    for number, piece in ((2, b"early"), (1, b"x" * SIZE)):
        await sending.send(number, piece)
    for _ in range(2):
        await sending.parts.abort(sending.first)
    assert list(leftovers(tmp_path)) == []
    with pytest.raises(NotFound):
        await sending.send(3, b"late")


def test_each_store_has_its_way(book: UploadBook) -> None:
    assert isinstance(placing(MemoryObjectStore.from_url("memory://"), book), PlacedParts)

    class Presigning(MemoryObjectStore):
        async def presign_part(self, *_: Any, **__: Any) -> str:
            return ""

    assert isinstance(placing(Presigning.from_url("memory://"), book), PlainParts)
    assert Part(1, 1, "") == SentPart(number=1, size=1, md5="", etag="").part
