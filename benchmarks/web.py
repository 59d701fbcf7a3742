"""The web role: cached products beside a bare file response, large and small uploads.

    python benchmarks/web.py [FOLDER]

Store, catalog and broker lie in FOLDER, or in the system's temporary folder. Servers run in
processes of their own, with the same uvicorn settings; load comes from this one.
"""

import asyncio
import logging
import os
import socket
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop
from blake3 import blake3
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from figures import report
from mediakiln.model.asset import Asset, Source, StepProducts
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, attempt_prefix
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.product import StoredFile
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import ObjectStore
from mediakiln.roles.engines import open_engines
from mediakiln.roles.settings import Settings
from mediakiln.roles.web import services_of
from mediakiln.web.app import create_app
from serving import Served, content_length, get_rate, serve, server

Row = dict[str, Any]

MB = 1_000_000
SIZES = {"20 kB": 20_000, "1 MB": MB}
GET_ROUNDS = 5
BIG, BIG_ROUNDS, WARM = 1000 * MB, 3, 50 * MB
SMALL, SMALLS, SMALL_CONNECTIONS = 50_000, 1000, 8
BLOCK = (b"The quick brown fox jumps over the lazy dog.\n" * 23_302)[: 1 << 20]


def measure(folder: Path | None = None) -> list[Row]:
    """Every figure, in about two minutes."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        root = Path(name)
        plain = root / "plain"
        plain.mkdir()
        for label, size in SIZES.items():
            (plain / label.replace(" ", "")).write_bytes(os.urandom(size))
        with server(_platform, root) as ours, server(_bare, plain) as rival:
            rows = [_gets(label, ours, rival) for label in SIZES]
        with server(_platform, root) as ours:
            rows += _big_uploads(ours, root)
            rows.append(_small_uploads(ours))
    return rows


def _platform(folder: Path, pipe: Connection) -> None:
    uvloop.run(_serve_platform(folder, pipe))


async def _serve_platform(folder: Path, pipe: Connection) -> None:
    logging.basicConfig(level=logging.WARNING)
    settings = Settings(
        data=folder, auth=False, delivery="public", max_upload_bytes=2 * BIG, reserve_bytes=0
    )
    engines = open_engines(settings)
    await engines.ensure()
    paths = {
        label: await _product(engines.store, engines.catalog, size) for label, size in SIZES.items()
    }
    await serve(create_app(services_of(settings, engines)), paths, pipe)


async def _product(store: ObjectStore, catalog: Catalog, size: int) -> str:
    """Write an asset with one finished product; the answer is the product's path."""
    id, now = new_id(), datetime.now(UTC)
    data = os.urandom(size)
    key = attempt_prefix("default", id, "web", 1, 1) + "web.webp"
    await store.put(Bucket.PRODUCTION, key, data)
    file = StoredFile(
        file="web.webp",
        media_type="image/webp",
        bytes=size,
        checksum=f"blake3:{blake3(data).hexdigest()}",
        key=key,
    )
    step = StepProducts(
        op="image.resize",
        manifest="-",
        digest="-",
        made_on=now.date(),
        run=1,
        attempt=1,
        count=1,
        total_bytes=size,
        files=(file,),
    )
    asset = Asset(
        id=id,
        name="photo.jpg",
        state=AssetState.READY,
        kind=Kind.IMAGE,
        bytes=size,
        source=Source(key="-"),
        published={"web": step},
        created_at=now,
        run_started_at=now,
        updated_at=now,
        mutation_id=new_id(),
    )
    await catalog.create(asset)
    return f"/v1/assets/{id}/products/web"


def _bare(folder: Path, pipe: Connection) -> None:
    async def file(request: Request) -> FileResponse:
        return FileResponse(folder / request.path_params["name"], media_type="image/webp")

    paths = {label: f"/{label.replace(' ', '')}" for label in SIZES}
    uvloop.run(serve(Starlette(routes=[Route("/{name}", file)]), paths, pipe))


def _gets(label: str, ours: Served, rival: Served) -> Row:
    """Both in turns, so that whatever else the machine does hits both; medians of the rounds."""
    rates: dict[str, list[float]] = {"ours": [], "rival": []}
    for _ in range(GET_ROUNDS):
        for name, served in (("ours", ours), ("rival", rival)):
            rates[name].append(uvloop.run(get_rate(served.port, served.paths[label])))
    mine, other = statistics.median(rates["ours"]), statistics.median(rates["rival"])
    row = _row(f"cached product GET, {label}", mine, "1/s", ">= 0.9", mine / other >= 0.9)
    return row | {"rival": f"bare FileResponse: {other:,.0f}", "ratio": mine / other}


def _big_uploads(served: Served, folder: Path) -> list[Row]:
    """Uploads and their rivals in turns, medians of both; memory is that of the worst."""
    _upload(served.port, WARM)
    rates, disks, growths = [], [], []
    for _ in range(BIG_ROUNDS):
        disks.append(_disk(folder))
        rate, growth = _big_upload(served)
        rates.append(rate)
        growths.append(growth)
    rate, disk, hashing = statistics.median(rates), statistics.median(disks), _hashing()
    ratio = rate / min(disk, hashing)
    speed = _row("upload of 1 GB", rate, "MB/s", ">= 0.8", ratio >= 0.8)
    beside = {"rival": f"min(disk {disk:,.0f}, blake3 {hashing:,.0f})", "ratio": ratio}
    grown = max(growths)
    return [speed | beside, _row("memory growth during it", grown, "MB", "<= 32", grown <= 32)]


def _big_upload(served: Served) -> tuple[float, float]:
    """MB/s, and by how many MB the server grew."""
    before = served.process.memory_info().rss
    peak, stop = [before], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            peak[0] = max(peak[0], served.process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    _upload(served.port, BIG)
    rate = BIG / MB / (time.perf_counter() - began)
    stop.set()
    watcher.join()
    return rate, (peak[0] - before) / MB


def _upload(port: int, size: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(_upload_head(size))
        left = size
        while left:
            sent = min(left, len(BLOCK))
            link.sendall(memoryview(BLOCK)[:sent])
            left -= sent
        answer = link.recv(65536)
    assert answer.startswith(b"HTTP/1.1 201"), answer


def _upload_head(size: int) -> bytes:
    lines = (
        "POST /v1/assets?filename=a.txt HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: text/plain",
        f"Content-Length: {size}",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def _small_uploads(served: Served) -> Row:
    rate = uvloop.run(_small_rate(served.port))
    name = f"{SMALLS:,} x 50 kB, {SMALL_CONNECTIONS} at once"
    return _row(name, rate, "1/s", "reported", holds=True)


async def _small_rate(port: int) -> float:
    request = _upload_head(SMALL) + BLOCK[:SMALL]
    left = iter(range(SMALLS))

    async def load() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 201"), head
            await reader.readexactly(content_length(head))
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(load() for _ in range(SMALL_CONNECTIONS)))
    return SMALLS / (time.perf_counter() - began)


def _disk(folder: Path) -> float:
    """MB/s of writing and syncing a file as large as the upload."""
    path = folder / "disk"
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(BIG // len(BLOCK)):
            file.write(BLOCK)
        os.fsync(file.fileno())
    rate = BIG / MB / (time.perf_counter() - began)
    path.unlink()
    return rate


def _hashing() -> float:
    digest, began = blake3(), time.perf_counter()
    for _ in range(BIG // len(BLOCK)):
        digest.update(BLOCK)
    digest.digest()
    return BIG / MB / (time.perf_counter() - began)


def _row(name: str, value: float, unit: str, target: str, holds: bool) -> Row:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "rival": None,
        "ratio": None,
        "target": target,
        "holds": holds,
    }


if __name__ == "__main__":
    report(measure, __doc__)
