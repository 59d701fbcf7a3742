"""S3 behind a network that fails, and on a server that comes and goes."""

import asyncio
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mediakiln.adapters.object_store.cloud import S3ObjectStore
from mediakiln.model.errors import AlreadyExists, EngineUnavailable
from mediakiln.model.keys import Bucket
from mediakiln.testing.object_store_tools import keys_of, listed, pattern, read_all
from support.proxy import Answer, Cut, Fault, Proxy, Slow, Stall
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3")]

_CHILD = Path(__file__).with_name("object_store_child.py")
INPUT = Bucket.INPUT


@pytest.fixture
def name() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def direct(name: str) -> AsyncIterator[S3ObjectStore]:
    """The same objects without the proxy."""
    store = S3ObjectStore.from_url(f"s3://{name}?endpoint={server('S3', 's3')}")
    await store.ensure()
    yield store
    await store.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    port = urlsplit(server("S3", "s3")).port
    assert port
    async with Proxy(port) as proxy:
        yield proxy


@pytest.fixture
async def store(name: str, proxy: Proxy, direct: S3ObjectStore) -> AsyncIterator[S3ObjectStore]:
    del direct  # which made the buckets
    url = f"s3://{name}?endpoint=http://127.0.0.1:{proxy.port}&timeout_s=1&retries=3"
    store = S3ObjectStore.from_url(url)
    yield store
    await store.close()


async def _streamed(store: S3ObjectStore, key: str, data: bytes, *, if_absent: bool) -> None:
    async with store.writer(INPUT, key, if_absent=if_absent) as writer:
        await writer.write(data)
        await writer.commit()


@pytest.mark.parametrize("size", [1_000, 20_000_000])
async def test_a_server_that_is_busy_twice_is_asked_a_third_time(
    store: S3ObjectStore, proxy: Proxy, size: int
) -> None:
    proxy.fault = Answer(times=2)
    await _streamed(store, "k", pattern(size), if_absent=True)
    assert await store.get(INPUT, "k") == pattern(size)
    assert proxy.fault.hits == 2


@pytest.mark.parametrize("fault", [Answer(), Answer(status=429), Stall(), Cut(request_after=0)])
async def test_every_call_tells_an_outage_and_works_again_after_it(
    store: S3ObjectStore, proxy: Proxy, fault: Fault, tmp_path: Path
) -> None:
    await store.put(INPUT, "there", b"there")
    calls: list[Callable[[], Awaitable[object]]] = [
        store.ensure,
        lambda: store.put(INPUT, "k", b"x"),
        lambda: store.put(INPUT, "k", b"x", if_absent=True),
        lambda: _streamed(store, "k", pattern(9_000_000), if_absent=False),
        lambda: store.head(INPUT, "there"),
        lambda: store.get(INPUT, "there"),
        lambda: read_all(store, "there"),
        lambda: store.download(INPUT, "there", tmp_path / "target"),
        lambda: store.copy((INPUT, "there"), (INPUT, "k")),
        lambda: store.delete(INPUT, ["there"]),
        lambda: listed(store),
    ]
    proxy.fault = fault
    began = time.monotonic()
    outcomes = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EngineUnavailable] * len(calls), outcomes
    assert time.monotonic() - began < 30
    assert not (tmp_path / "target").exists()
    proxy.fault = None
    assert await keys_of(store) == ["there"]
    await store.put(INPUT, "k", b"after")
    assert await store.get(INPUT, "k") == b"after"


@pytest.mark.parametrize("size", [3_000_000, 20_000_000])
async def test_an_upload_that_is_cut_is_sent_again_or_leaves_nothing(
    store: S3ObjectStore, direct: S3ObjectStore, proxy: Proxy, size: int
) -> None:
    proxy.fault = Cut(request_after=1_500_000)
    with pytest.raises(EngineUnavailable):
        await _streamed(store, "k", pattern(size), if_absent=True)
    assert await keys_of(direct) == []
    proxy.fault = Cut(request_after=1_500_000, times=2)
    await _streamed(store, "k", pattern(size), if_absent=True)
    assert await direct.get(INPUT, "k") == pattern(size)


async def test_a_conditional_put_whose_answer_was_lost_is_known_to_have_won(
    store: S3ObjectStore, direct: S3ObjectStore, proxy: Proxy
) -> None:
    proxy.fault = lost = Cut(answer_after=0, times=1, only=b"PUT ")
    info = await store.put(INPUT, "k", b"ours", if_absent=True)
    assert lost.hits == 1
    assert await direct.head(INPUT, "k") == info
    with pytest.raises(AlreadyExists):
        await store.put(INPUT, "k", b"ours", if_absent=True)


async def test_a_conditional_completion_whose_answer_was_lost_is_known_to_have_won(
    store: S3ObjectStore, direct: S3ObjectStore, proxy: Proxy
) -> None:
    proxy.fault = lost = Cut(answer_after=0, times=1, only=b"<CompleteMultipartUpload")
    async with store.writer(INPUT, "k", if_absent=True) as writer:
        await writer.write(pattern(9_000_000))
        info = await writer.commit()
    assert lost.hits == 1
    assert await direct.head(INPUT, "k") == info
    with pytest.raises(AlreadyExists):
        await _streamed(store, "k", pattern(9_000_000), if_absent=True)


@pytest.mark.parametrize("times", [2, 1_000])
async def test_a_download_that_is_cut_goes_on_or_leaves_no_file(
    store: S3ObjectStore, direct: S3ObjectStore, proxy: Proxy, tmp_path: Path, times: int
) -> None:
    data = pattern(30_000_000)
    await direct.put(INPUT, "k", data)
    proxy.fault = Cut(answer_after=2_000_000, times=times, only=b"GET ")
    target = tmp_path / "target"
    if times > 100:
        with pytest.raises(EngineUnavailable):
            await store.download(INPUT, "k", target)
        assert not target.exists()
    else:
        await store.download(INPUT, "k", target)
        assert target.read_bytes() == data


async def test_a_stream_that_is_cut_goes_on_where_it_ended(
    store: S3ObjectStore, direct: S3ObjectStore, proxy: Proxy
) -> None:
    data = pattern(12_000_000)
    await direct.put(INPUT, "k", data)
    proxy.fault = cut = Cut(answer_after=3_000_000, times=2, only=b"GET ")
    assert await read_all(store, "k") == data
    assert cut.hits == 2


async def test_a_slow_answer_takes_its_time_as_long_as_it_goes_on(
    store: S3ObjectStore, direct: S3ObjectStore, proxy: Proxy
) -> None:
    data = pattern(1_500_000)
    await direct.put(INPUT, "k", data)
    proxy.fault = Slow(rate=500_000)
    began = time.monotonic()
    assert await store.get(INPUT, "k") == data
    assert time.monotonic() - began > 2  # more than the time-out of 1 s


async def test_a_download_never_mixes_two_versions(
    store: S3ObjectStore, direct: S3ObjectStore, proxy: Proxy, tmp_path: Path
) -> None:
    versions = [pattern(40_000_000, seed) for seed in range(2)]
    await direct.put(INPUT, "k", versions[0])
    proxy.fault = slow = Slow(rate=20e6, only=b"GET ")
    download = asyncio.create_task(store.download(INPUT, "k", tmp_path / "target"))
    await slow.struck.wait()
    await direct.put(INPUT, "k", versions[1])
    await download
    assert (tmp_path / "target").read_bytes() in versions


async def _engine(command: str, folder: Path) -> dict[str, str]:
    """Start or stop a server of this test's own; what it exports."""
    engines = Path(__file__).parents[2] / "engines"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, engines / command, "--data", folder, "s3"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    lines = [line.removeprefix("export ").split("=", 1) for line in out.decode().splitlines()]
    return {key: value.strip("'") for key, value in lines}


@pytest.mark.slow
async def test_a_server_that_stops_is_an_outage_and_keeps_its_objects(
    proxy: Proxy, name: str, tmp_path: Path
) -> None:
    async def start() -> None:
        port = urlsplit((await _engine("up", tmp_path))["MEDIAKILN_TEST_S3"]).port
        assert port
        proxy.target = port

    url = f"s3://{name}?endpoint=http://127.0.0.1:{proxy.port}&timeout_s=2&retries=1&tags=true"
    store = S3ObjectStore.from_url(url)
    try:
        await start()
        await store.ensure()
        kept = await store.put(Bucket.PRODUCTION, "kept", pattern(100_000))
        writer = store.writer(INPUT, "interrupted", if_absent=True)
        await writer.write(pattern(9_000_000))
        await _engine("down", tmp_path)
        for call in (store.put(INPUT, "k", b"x"), writer.commit(), store.ensure()):
            with pytest.raises(EngineUnavailable):
                await call
        await writer.__aexit__(None, None, None)
        await start()
        await store.ensure()
        assert await store.head(Bucket.PRODUCTION, "kept") == kept
        assert await store.get(Bucket.PRODUCTION, "kept") == pattern(100_000)
        assert await keys_of(store) == []
    finally:
        await store.close()
        await _engine("down", tmp_path)


async def _child(task: str, url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, _CHILD, task, url), stdout=asyncio.subprocess.PIPE
    )


async def _line(child: asyncio.subprocess.Process) -> str:
    assert child.stdout is not None
    return (await asyncio.wait_for(child.stdout.readline(), 60)).decode().strip()


@pytest.mark.faults
async def test_a_writer_killed_in_its_upload_leaves_nothing_visible(
    direct: S3ObjectStore, name: str
) -> None:
    for _ in range(3):
        child = await _child("upload", f"s3://{name}?endpoint={os.environ['MEDIAKILN_TEST_S3']}")
        assert await _line(child) == "uploading"
        child.send_signal(signal.SIGKILL)
        await child.wait()
    assert await keys_of(direct) == []
    await _streamed(direct, "long/object", pattern(9_000_000), if_absent=True)
    assert await direct.get(INPUT, "long/object") == pattern(9_000_000)


@pytest.mark.slow
async def test_memory_does_not_depend_on_the_size_of_an_upload(
    direct: S3ObjectStore, name: str
) -> None:
    child = await _child("measure", f"s3://{name}?endpoint={os.environ['MEDIAKILN_TEST_S3']}")
    growth = int(await _line(child))
    assert await child.wait() == 0
    info = await direct.head(INPUT, "large/object")
    assert info is not None
    assert info.size == 512 << 20
    assert growth <= 64 << 20
