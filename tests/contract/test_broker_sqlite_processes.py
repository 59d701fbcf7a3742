"""The SQLite broker among several processes, some of which are killed."""

import asyncio
import itertools
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from mediakiln.adapters.broker.sqlite import SqliteBroker
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, collect, made
from support.waiting import eventually

PEER = Path(__file__).with_name("broker_peer.py")
BATCH = 10


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/broker.db"


@pytest.fixture
async def broker(url: str) -> AsyncIterator[SqliteBroker]:
    broker = SqliteBroker.from_url(url)
    await broker.ensure(TOPOLOGY)
    yield broker
    await broker.close()


@contextmanager
def peer(command: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process; killed at the end if it still runs."""
    argv = [sys.executable, str(PEER), command, url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def killed_after(count: int, command: str, url: str) -> list[str]:
    """What a peer confirmed before it was killed, in the midst of its work."""
    with peer(command, url) as process:
        said = list(itertools.islice(lines(process), count))
        process.send_signal(signal.SIGKILL)
        said += list(lines(process))
    return [line.strip() for line in said if line.endswith("\n")]


async def drained(broker: SqliteBroker) -> list[str]:
    ids: list[str] = []
    while batch := await broker.receive("work", "workers", limit=100, wait=1.5, lease=LEASE):
        ids += [delivery.message.id for delivery in batch]
        await asyncio.gather(*(delivery.ack() for delivery in batch))
    return ids


@pytest.mark.faults
async def test_a_killed_publisher_loses_nothing_it_confirmed(
    broker: SqliteBroker, url: str
) -> None:
    numbers = killed_after(40, "publish", url)
    batches = Counter(message.partition("-")[0] for message in await drained(broker))
    assert set(numbers) <= set(batches)
    assert set(batches.values()) == {BATCH}, "a batch is there as a whole or not at all"


@pytest.mark.faults
async def test_what_a_killed_consumer_did_not_ack_comes_back(
    broker: SqliteBroker, url: str
) -> None:
    sent = [message.id for message in made(200)]
    await broker.publish("work", made(200))
    acked = killed_after(60, "consume", url)
    back = await drained(broker)
    assert not set(acked) & set(back)
    missing = set(sent) - set(acked) - set(back)
    assert len(missing) <= 1, "at most the ack that was committed but not yet told"
    assert len(back) == len(set(back))


async def test_three_processes_share_600_messages_without_overlap(
    broker: SqliteBroker, url: str
) -> None:
    with peer("drain", url) as a, peer("drain", url) as b, peer("drain", url) as c:
        peers = (a, b, c)
        for process in peers:
            assert lines(process).readline() == "ready\n"
        for start in range(0, 600, 50):
            await broker.publish("work", made(600)[start : start + 50])
        said = [await asyncio.to_thread(lines(process).readlines) for process in peers]
    assert Counter(line.strip() for part in said for line in part) == Counter(
        message.id for message in made(600)
    )
    assert sum(bool(part) for part in said) >= 2, "more than one had a share"


async def test_the_doorbell_wakes_a_waiting_process(broker: SqliteBroker, url: str) -> None:
    with peer("wait", url) as process:
        assert lines(process).readline() == "waiting\n"
        began = time.monotonic()
        await broker.publish("work", made(1))
        assert await asyncio.to_thread(lines(process).readline) == "m000000\n"
        assert time.monotonic() - began < 15, "not when its wait of 20 s was over"


async def test_without_the_doorbell_the_slow_poll_finds_the_message(
    broker: SqliteBroker, url: str, tmp_path: Path
) -> None:
    async with asyncio.timeout(20):
        waiting = asyncio.create_task(collect(broker, "work", "workers", 1))
        bells = tmp_path / "broker.db.bells"
        await eventually(lambda: bells.exists() and any(bells.iterdir()))
        await asyncio.sleep(0.3)
        for socket in bells.iterdir():
            socket.unlink()
        with peer("ensure", url) as process:
            (delivery,) = await waiting
            assert delivery.message.id == str(process.pid)


async def test_sockets_of_dead_processes_are_removed(
    broker: SqliteBroker, url: str, tmp_path: Path
) -> None:
    with peer("wait", url) as process:
        assert lines(process).readline() == "waiting\n"
        process.kill()
        process.wait()
    assert list((tmp_path / "broker.db.bells").iterdir())
    await broker.publish("work", made(1))
    await broker.backlog("work", "workers")
    assert not list((tmp_path / "broker.db.bells").iterdir())


async def test_several_processes_may_make_the_file_at_once(url: str, tmp_path: Path) -> None:
    with peer("ensure", url) as first, peer("ensure", url) as second, peer("ensure", url) as third:
        for process in (first, second, third):
            assert lines(process).read() == ""
            assert process.wait() == 0
        pids = sorted(str(process.pid) for process in (first, second, third))
    broker = SqliteBroker.from_url(url)
    assert sorted(await drained(broker)) == pids
    await broker.close()
    assert (tmp_path / "broker.db").is_file()


async def test_writers_outwait_a_lock_held_elsewhere(broker: SqliteBroker, url: str) -> None:
    with peer("lock", url) as process:
        assert lines(process).readline() == "locked\n"
        await asyncio.wait_for(broker.publish("work", made(1)), 30)
        (delivery,) = await collect(broker, "work", "workers", 1)
        await delivery.ack()


async def test_a_forked_child_opens_the_file_anew(url: str) -> None:
    with peer("fork", url) as process:
        assert await asyncio.to_thread(lines(process).read) == "from-the-child-000000 0 1\n"


@pytest.mark.faults
def test_a_full_disk_refuses_whole_batches_and_heals(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = f"mount -t tmpfs -o size=8m none {folder}"
    if subprocess.run(["unshare", "-Urm", "sh", "-c", mount], check=False).returncode:
        pytest.skip("this machine lets no user mount a small file system of their own")
    command = f"{mount} && exec {sys.executable} {PEER} fill sqlite:///{folder}/broker.db"
    said = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", command], check=True, capture_output=True, text=True
    ).stdout
    assert said.splitlines() == ["full storage_full True", "ready 0", "recovered 1"]
