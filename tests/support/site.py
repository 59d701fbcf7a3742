"""The web application on a real server, with memory engines behind it."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import httpx2
from blake3 import blake3

from mediakiln.model.asset import Asset, StepProducts
from mediakiln.model.keys import Bucket, manifest_key
from mediakiln.model.kind import AssetState
from mediakiln.model.product import Lineage, Manifest, StoredFile
from mediakiln.ports.fetcher import Fetched
from mediakiln.roles.objects import ObjectNews
from mediakiln.stages.access import Access
from mediakiln.stages.erasure import Erasures
from mediakiln.stages.importing import ImportDesk
from mediakiln.stages.importing.book import ImportBook
from mediakiln.stages.ledger import Change
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.s3.stage import S3Uploads
from mediakiln.stages.uploads.tus import TusUploads
from mediakiln.web.front import Front
from mediakiln.web.server import Server, make_server
from mediakiln.web.services import Services
from support import schemas
from support.waiting import eventually
from support.world import World

schemas.remember()

MAX_UPLOAD = 10_000_000
"""As the world has it."""


TYPES = {
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "html": "text/html",
    "txt": "text/plain",
    "pdf": "application/pdf",
    "mp4": "video/mp4",
    "m3u8": "application/vnd.apple.mpegurl",
    "bin": "application/octet-stream",
}


class NoFetcher:
    """A fetcher that must not be called."""

    def open(self, url: str, *, max_bytes: int) -> AbstractAsyncContextManager[Fetched]:
        raise AssertionError(f"nothing was to be fetched, but {url} was, up to {max_bytes} bytes")

    def check(self, url: str) -> None:
        """Everything would do."""

    async def close(self) -> None:
        """Nothing to close."""


async def everything_works() -> Mapping[str, str | None]:
    return {"store": None}


def services_of(world: World, **settings: Any) -> Services:
    """Services over a world's stages; `settings` replace what is given here."""
    given: dict[str, Any] = {
        "receive": world.receive,
        "imports": ImportDesk(
            ImportBook(world.catalog, clock=world.clock), world.broker, NoFetcher(), world.recipes
        ),
        "tus": TusUploads(
            world.store,
            world.catalog,
            UploadBook(world.catalog, clock=world.clock),
            world.receive,
        ),
        "s3": S3Uploads(
            UploadBook(world.catalog, clock=world.clock),
            world.receive,
            world.store,
            world.catalog,
            expiry=timedelta(days=7),
            max_bytes=5 * 10**12,
        ),
        "store": world.store,
        "erasures": Erasures(
            world.ledger, world.store, unname=world.index.leave, clock=world.clock
        ),
        "deliver": world.deliver,
        "manage": world.manage,
        "dead": world.dead,
        "recipes": world.recipes,
        "access": Access(world.catalog, owner_key=settings.get("owner_key"), clock=world.clock),
        "search": world.search,
        "catalog": world.catalog,
        "broker": world.broker,
        "ready": everything_works,
        "max_upload_bytes": MAX_UPLOAD,
        "multipart": world.multipart,
        "deliveries": world.deliveries,
        "direct": world.direct,
        "news": ObjectNews(world.broker, NoFetcher(), topics=()),
    }
    return Services(**given | settings)


@cache
def plain_tls() -> ssl.SSLContext:
    """For clients that speak plain HTTP: to read every authority's certificate takes a while."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def http_client(server: Server | None = None, **options: Any) -> httpx2.AsyncClient:
    """A client, of that server if one is given; beside other tests an answer may take its time."""
    base = f"http://127.0.0.1:{server.port}" if server else ""
    given: dict[str, Any] = {"base_url": base, "timeout": 60, "verify": plain_tls()}
    return httpx2.AsyncClient(**given | options)


async def until_watched(server: Server) -> None:
    """Return once a live view or a waiting request has begun to look for changes."""
    front = server.config.app
    assert isinstance(front, Front)
    await eventually(lambda: front.live.watched > 0)


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[Server]:
    """The application on a free port of this machine.

    Stopped at once, since a polite stop waits for tenths of seconds, hundreds of times.
    """
    server = make_server(app, host="127.0.0.1", port=0)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.005)
    try:
        yield server
    finally:
        leftovers = [task, *server.server_state.tasks]
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        for leftover in leftovers:
            leftover.cancel()
        await asyncio.gather(*leftovers, return_exceptions=True)


@dataclass(frozen=True)
class Site:
    """A running web application and what stands behind it."""

    world: World
    services: Services
    server: Server
    http: httpx2.AsyncClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection, for what no client library would send."""
        return await asyncio.open_connection("127.0.0.1", self.server.port)

    async def kept(self) -> int:
        """How many records and input objects there are."""
        page = await self.world.catalog.list("default", limit=200)
        objects = [item async for item in self.world.store.list(Bucket.INPUT)]
        return len(page.assets) + len(objects)


async def publish(
    world: World, id: str, step: str, files: Mapping[str, bytes | str], *, inline: bool = True
) -> Asset:
    """Give an asset the products of a step; a name's ending says the type."""
    stored = [
        await _store(world, f"default/{id}/{step}/1-1/{name}", name, data)
        for name, data in files.items()
    ]
    now = world.clock()
    manifest = Manifest(
        project="default",
        asset=id,
        run=1,
        attempt=1,
        step=step,
        product_key=step,
        files=tuple(stored),
        lineage=Lineage(source=id, operation="mock.copy", version=1, params={}),
        seconds=0.1,
        created_at=now,
    )
    key, raw = manifest_key("default", id, step, 1), manifest.encode()
    await world.store.put(Bucket.PRODUCTION, key, raw)
    products = StepProducts(
        op="mock.copy",
        manifest=key,
        digest=hashlib.sha256(raw).hexdigest(),
        made_on=now.date(),
        run=1,
        attempt=1,
        count=len(stored),
        total_bytes=manifest.total_bytes,
        files=tuple(stored) if inline else None,
    )

    def apply(asset: Asset) -> Change:
        published = {**asset.published, step: products}
        return Change(asset.model_copy(update={"state": AssetState.READY, "published": published}))

    return await world.ledger.change(id, apply)


async def _store(world: World, key: str, name: str, data: bytes | str) -> StoredFile:
    raw = data if isinstance(data, bytes) else data.encode()
    await world.store.put(Bucket.PRODUCTION, key, raw)
    return StoredFile(
        file=name,
        media_type=TYPES[name.rpartition(".")[2]],
        bytes=len(raw),
        checksum=f"blake3:{blake3(raw).hexdigest()}",
        key=key,
    )


def a_text(size: int = 100) -> bytes:
    """Plain text of that many bytes."""
    line = b"The quick brown fox jumps over the lazy dog.\n"
    return (line * (size // len(line) + 1))[:size]
