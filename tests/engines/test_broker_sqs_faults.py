"""SQS that goes away, loses answers, or was never there."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mediakiln.adapters.broker.sqs import SqsBroker, api
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, collect, ids_of, made, take_one
from support.servers import server
from support.sqs import url_of, use_credentials
from support.wire import Proxy, Wire, proxied

pytestmark = [pytest.mark.engines, pytest.mark.faults, pytest.mark.xdist_group("sqs")]

ENGINES = Path(__file__).parents[2] / "engines"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> str:
    use_credentials(monkeypatch)
    return server("SQS", "sqs")


@pytest.fixture
async def proxy(endpoint: str) -> AsyncIterator[Proxy]:
    async with proxied(int(endpoint.rpartition(":")[2])) as proxy:
        yield proxy


@pytest.fixture
async def broker(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqsBroker]:
    monkeypatch.setattr(api, "_ANSWER_S", 1.0)
    broker = SqsBroker.from_url(url_of(f"http://127.0.0.1:{proxy.port}", fanout="queues"))
    await broker.ensure(TOPOLOGY)
    yield broker
    await broker.close()


async def test_an_outage_is_told_and_what_was_confirmed_is_there_after_it(
    broker: SqsBroker, proxy: Proxy
) -> None:
    await broker.publish("work", made(3))
    held = await take_one(broker, "work", "workers")
    waiting = asyncio.create_task(broker.receive("fan", "left", limit=1, wait=20, lease=LEASE))
    await asyncio.sleep(0.2)
    proxy.state = Wire.REFUSING
    proxy.end_all()
    with pytest.raises(EngineUnavailable) as caught:
        await broker.publish("work", made(1))
    assert "MEDIAKILN_BROKER" in caught.value.context["hint"]
    with pytest.raises(EngineUnavailable):
        await waiting
    with pytest.raises(EngineUnavailable):
        await held.ack()
    with pytest.raises(EngineUnavailable):
        await broker.backlog("work", "workers")
    proxy.state = Wire.SOUND
    await held.ack()
    rest = await collect(broker, "work", "workers", 2)
    assert {d.message.id for d in rest} | {held.message.id} == {m.id for m in made(3)}


async def test_a_server_that_falls_silent_is_an_outage_within_seconds(
    broker: SqsBroker, proxy: Proxy
) -> None:
    proxy.state = Wire.SILENT
    began = time.monotonic()
    with pytest.raises(EngineUnavailable):
        await broker.publish("work", made(1))
    assert time.monotonic() - began < 15
    proxy.state = Wire.SOUND
    proxy.end_all()
    await broker.publish("work", made(1))


async def test_a_publish_whose_answer_is_lost_is_repeated(broker: SqsBroker, proxy: Proxy) -> None:
    await broker.backlog("work", "workers")
    proxy.state = Wire.CUT_REPLY
    await broker.publish("work", made(1))
    assert proxy.cuts == 1
    assert set(await ids_of(broker, "work", "workers", 1)) == {made(1)[0].id}


async def test_an_ack_whose_answer_is_lost_has_one_of_two_ends(
    broker: SqsBroker, proxy: Proxy
) -> None:
    await broker.publish("work", made(1))
    delivery = await take_one(broker, "work", "workers")
    proxy.state = Wire.CUT_REPLY
    await asyncio.wait_for(asyncio.gather(delivery.ack(), return_exceptions=True), 20)
    assert proxy.cuts == 1
    backlog = await broker.backlog("work", "workers")
    assert (backlog.ready, backlog.leased) == (0, 0)


async def test_an_endpoint_where_nobody_listens_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    use_credentials(monkeypatch)
    broker = SqsBroker.from_url("sqs://us-east-1?endpoint=http://127.0.0.1:9")
    with pytest.raises(EngineUnavailable, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        await broker.ensure(TOPOLOGY)
    await broker.close()


async def test_without_credentials_it_says_how_to_give_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    broker = SqsBroker.from_url("sqs://us-east-1?endpoint=http://127.0.0.1:9")
    with pytest.raises(EngineMisconfigured, match="MEDIAKILN_BROKER") as caught:
        await broker.ensure(TOPOLOGY)
    assert "AWS_ACCESS_KEY_ID" in caught.value.context["hint"]
    await broker.close()


def engines(command: str, folder: Path) -> str:
    argv = [sys.executable, str(ENGINES / command), "--data", str(folder), "sqs"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def own_server(endpoint: str, tmp_path: Path) -> Iterator[Path]:
    """A server of this test's own, in a folder; needs what the common one needed."""
    assert endpoint
    engines("up", tmp_path)
    yield tmp_path
    engines("down", tmp_path)


def port_of(folder: Path) -> str:
    return (folder / "sqs" / "port").read_text()


@pytest.mark.slow
async def test_a_server_that_is_stopped_and_started_again_goes_on(own_server: Path) -> None:
    url = url_of(f"http://127.0.0.1:{port_of(own_server)}", fanout="queues")
    broker = SqsBroker.from_url(url)
    await broker.ensure(TOPOLOGY)
    await broker.publish("work", made(20))
    await (await take_one(broker, "work", "workers")).ack()
    await asyncio.to_thread(engines, "down", own_server)
    with pytest.raises(EngineUnavailable):
        await broker.publish("work", made(1, prefix="lost"))
    with pytest.raises(EngineUnavailable):
        await broker.receive("work", "workers", limit=1, wait=5, lease=LEASE)
    await asyncio.to_thread(engines, "up", own_server)
    await broker.publish("work", made(1, prefix="after"))
    assert len(set(await ids_of(broker, "work", "workers", 20))) == 20
    await broker.close()
