"""What clients, networks and replicas do to tus uploads: no byte is lost, none is doubled."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from mediakiln.model.errors import Gone, UploadBusy
from mediakiln.model.keys import Bucket
from mediakiln.model.upload import Offer
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.tus import Patch, TusLimits, TusUploads
from support.site import Site, a_text
from support.tus import TusClient
from support.waiting import eventually
from support.world import NoRunner, World

OpenSite = Callable[..., Awaitable[Site]]
DATA = a_text(200_000)


class Link:
    """A PATCH over a bare connection, whose bytes the test sends by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, site: Site, url: str, offset: int, length: int) -> "Link":
        link = cls(*await site.connect())
        path = url.removeprefix(site.url)
        link.writer.write(
            f"PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n"
            f"Upload-Offset: {offset}\r\nContent-Length: {length}\r\n"
            "Content-Type: application/offset+octet-stream\r\n\r\n".encode()
        )
        return link

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


def uploads_of(world: World, **limits: float) -> TusUploads:
    """The protocol over a world's engines, with other limits."""
    return TusUploads(
        world.store,
        world.catalog,
        UploadBook(world.catalog),
        world.receive,
        limits=TusLimits(**limits),  # type: ignore[arg-type] # whole numbers are floats, too
    )


def _offer(size: int) -> Offer:
    return Offer(name="a.txt", size=size)


async def _bytes(data: bytes) -> AsyncGenerator[bytes | None, None]:
    yield data


async def content(site: Site, url: str) -> bytes:
    """The bytes of the asset that an upload has become."""
    asset = (await site.http.get(f"/v1/assets/{url.rpartition('/')[2]}")).json()
    return (await site.http.get(asset["url"])).content


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]


async def test_a_broken_connection_keeps_what_came(tus: TusClient, site: Site) -> None:
    url = await tus.create(len(DATA))
    link = await Link.open(site, url, 0, len(DATA))
    await link.send(DATA[:150_000])
    await link.close()

    async def kept() -> bool:
        return await tus.offset(url) == 150_000

    await eventually(kept)
    assert (await tus.patch(url, 150_000, DATA[150_000:])).status_code == 204
    assert await content(site, url) == DATA


async def test_what_came_is_durable_while_the_client_is_silent(
    open_site: OpenSite, tmp_path: Path
) -> None:
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    site: Site = await open_site(world=world, tus=uploads_of(world, idle_s=0.05))
    tus = TusClient(site.http)
    url = await tus.create(len(DATA))
    link = await Link.open(site, url, 0, len(DATA))
    for end in (60_000, 120_000):
        await link.send(DATA[end - 60_000 : end])

        async def there(end: int = end) -> bool:
            return await tus.offset(url) == end

        await eventually(there)
    await link.send(DATA[120_000:])
    assert (await link.reader.readline()).startswith(b"HTTP/1.1 204")
    await link.close()
    assert await content(site, url) == DATA


async def test_a_silent_connection_does_not_keep_its_client_out(
    open_site: OpenSite, tmp_path: Path
) -> None:
    """A phone that changed its network: the old connection is dead, but nobody said so."""
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    quick = uploads_of(world, idle_s=0.05, lease_s=0.2, patience_s=5)
    site: Site = await open_site(world=world, tus=quick)
    tus = TusClient(site.http)
    url = await tus.create(len(DATA))
    dead = await Link.open(site, url, 0, len(DATA))
    await dead.send(DATA[:1000])

    async def there() -> bool:
        return await tus.offset(url) == 1000

    await eventually(there)
    assert (await tus.patch(url, 1000, DATA[1000:100_000])).status_code == 204
    await dead.send(b"x" * 5000)
    assert (await dead.reader.readline()).startswith(b"HTTP/1.1 4")
    await dead.close()
    assert (await tus.patch(url, 100_000, DATA[100_000:])).status_code == 204
    assert await content(site, url) == DATA


async def test_a_second_request_is_locked_out_while_the_first_goes_on(
    open_site: OpenSite, tmp_path: Path
) -> None:
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    site: Site = await open_site(world=world, tus=uploads_of(world, patience_s=0))
    tus = TusClient(site.http)
    url = await tus.create(len(DATA))
    link = await Link.open(site, url, 0, len(DATA))
    await link.send(DATA[:1000])
    book = UploadBook(world.catalog)

    async def held() -> bool:
        return (await book.get("default", url.rpartition("/")[2])).holder is not None

    await eventually(held)
    locked = await tus.patch(url, 0, DATA)
    assert (locked.status_code, locked.json()["code"]) == (423, "upload_busy")
    assert (await tus.request("DELETE", url)).status_code == 423
    await link.send(DATA[1000:])
    assert (await link.reader.readline()).startswith(b"HTTP/1.1 204")
    await link.close()
    assert await content(site, url) == DATA


async def test_of_equal_requests_at_once_one_is_taken(tus: TusClient, site: Site) -> None:
    url = await tus.create(len(DATA))
    answers = await asyncio.gather(*(tus.patch(url, 0, DATA[:70_000]) for _ in range(8)))
    assert [answer.status_code for answer in answers].count(204) == 1
    assert {answer.status_code for answer in answers} <= {204, 409, 423}
    assert await tus.offset(url) == 70_000
    assert (await tus.patch(url, 70_000, DATA[70_000:])).status_code == 204
    assert await content(site, url) == DATA


async def test_a_request_that_is_repeated_after_a_lost_answer_is_stale(
    tus: TusClient, site: Site
) -> None:
    url = await tus.create(len(DATA))
    assert (await tus.patch(url, 0, DATA[:1000])).status_code == 204
    assert (await tus.patch(url, 0, DATA[:1000])).status_code == 409
    assert (await tus.patch(url, 1000, DATA[1000:])).status_code == 204
    assert await content(site, url) == DATA


async def test_any_replica_goes_on_with_any_upload(open_site: OpenSite, tmp_path: Path) -> None:
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    sites: list[Site] = [await open_site(world=world, tus=uploads_of(world)) for _ in range(2)]
    url = (await TusClient(sites[0].http).create(len(DATA))).removeprefix(sites[0].url)
    step = 20_000
    for number, start in enumerate(range(0, len(DATA), step)):
        tus = TusClient(sites[number % 2].http)
        assert await tus.offset(url) == start
        assert (await tus.patch(url, start, DATA[start : start + step])).status_code == 204
    assert await content(sites[0], url) == DATA


async def test_a_server_that_stops_keeps_what_came(tus: TusClient, site: Site) -> None:
    url = await tus.create(len(DATA))
    link = await Link.open(site, url, 0, len(DATA))
    await link.send(DATA[:100_000])
    book = UploadBook(site.world.catalog)

    async def held() -> bool:
        return (await book.get("default", url.rpartition("/")[2])).holder is not None

    await eventually(held)
    site.services.tus.stop()
    await link.send(DATA[100_000:100_010])
    assert (await link.reader.readline()).startswith(b"HTTP/1.1 503")
    await link.close()
    assert 0 < await tus.offset(url) <= 100_010


async def test_who_lost_the_lease_writes_nothing_more(world: World) -> None:
    await world.start()
    uploads = uploads_of(world, patience_s=5, lease_s=0.1)
    upload = await uploads.create(_offer(100))

    async def body() -> AsyncGenerator[bytes | None, None]:
        yield b"a" * 50
        yield None
        # While this request stands still, another waits for its lease to end and goes on.
        other = Patch(offset=50, announced=30)
        await uploads.append("default", upload.id, other, _bytes(b"b" * 30))
        yield b"a" * 50

    with pytest.raises(UploadBusy):
        await uploads.append("default", upload.id, Patch(offset=0, announced=100), body())
    found, _ = await uploads.look("default", upload.id)
    assert found.offset == 80
    parts = await world.store.parts(Bucket.INPUT, upload.key, upload.token or "")  # type: ignore[attr-defined]
    assert [part.size for part in parts] == [50, 30]


async def test_parts_that_are_not_those_acknowledged_make_no_file(world: World) -> None:
    """A writer without a lease put its part in another's place: the file is not what was sent."""
    await world.start()
    uploads = uploads_of(world)
    upload = await uploads.create(_offer(100))
    await uploads.append("default", upload.id, Patch(offset=0, announced=50), _bytes(b"a" * 50))
    store = uploads._parts
    async with store.part_writer(
        Bucket.INPUT, upload.key, upload.token or "", 1, offset=0, size=50
    ) as writer:
        await writer.write(b"x" * 50)
        await writer.commit()
    with pytest.raises(Gone):
        await uploads.append(
            "default", upload.id, Patch(offset=50, announced=50), _bytes(b"a" * 50)
        )
    assert [item async for item in world.store.list(Bucket.INPUT)] == []
