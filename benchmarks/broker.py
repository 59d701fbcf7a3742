"""The SQLite broker: durable throughput, time between processes, idle cost, a deep queue.

    python benchmarks/broker.py [FOLDER]

All of it writes durably (WAL, synchronous FULL) in FOLDER, or in the system's temporary folder.
"""

import asyncio
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from figures import report
from mediakiln.adapters.broker.sqlite import SqliteBroker
from mediakiln.model.messages import Message
from mediakiln.model.topology import TOPOLOGY

Row = dict[str, Any]

TOPIC, GROUP = "received", "classify"
BODY = b'{"specversion":"1.0","data":"' + b"x" * 370 + b'"}'
BATCH = 100
COUNT = 20_000
SHALLOW, DEEP, ROUNDS = 1_000, 1_000_000, 100
HOPS = 200
IDLE_S = 10.0
PAIRS = [(topic, group) for topic, groups in TOPOLOGY.items() for group in groups]
SPAWN = multiprocessing.get_context("spawn")


def measure(folder: Path | None = None) -> list[Row]:
    """Each figure once, in about a minute."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        root = Path(name)
        rate = asyncio.run(_throughput(root / "rate.db"))
        bare = _bare_rate(root / "bare.db")
        hops = _hops(root / "hop.db")
        idle = _idle(root / "idle.db")
        shallow = asyncio.run(_rate_at(SHALLOW, root / "shallow.db"))
        deep = asyncio.run(_rate_at(DEEP, root / "deep.db"))
    return [
        _row("broker publish, receive, ack", rate, "1/s", ">= 2000", rate >= 2000)
        | _beside("bare sqlite3, the same batches", rate, bare),
        _bound("broker hop between processes, p50", statistics.median(hops), "ms", 10),
        _bound("broker hop between processes, p95", hops[int(HOPS * 0.95)], "ms", 10),
        _bound(f"broker idle, {len(PAIRS)} groups awaited", idle, "% of a core", 1),
        _row(f"broker at {DEEP:,} queued", deep, "1/s", "ratio >= 0.5", deep >= shallow / 2)
        | _beside(f"at {SHALLOW:,} queued", deep, shallow),
    ]


def _row(name: str, value: float, unit: str, target: str, holds: bool) -> Row:
    row = {"name": name, "value": round(value, 2), "unit": unit, "target": target, "holds": holds}
    return row | {"rival": None, "ratio": None}


def _bound(name: str, value: float, unit: str, most: float) -> Row:
    return _row(name, value, unit, f"<= {most}", value <= most)


def _beside(against: str, value: float, rival: float) -> Row:
    return {"rival": f"{against}: {rival:,.0f}", "ratio": round(value / rival, 3)}


def _broker(path: Path) -> SqliteBroker:
    return SqliteBroker.from_url(f"sqlite:///{path}")


def _messages(count: int) -> list[Message]:
    return [Message(id=f"{n:036d}", key=f"{n:036d}", body=BODY) for n in range(count)]


async def _publish(broker: SqliteBroker, messages: list[Message]) -> None:
    for start in range(0, len(messages), BATCH):
        await broker.publish(TOPIC, messages[start : start + BATCH])


async def _consume(broker: SqliteBroker, count: int) -> None:
    done = 0
    while done < count:
        batch = await broker.receive(TOPIC, GROUP, limit=BATCH, wait=5, lease=60)
        await asyncio.gather(*(delivery.ack() for delivery in batch))
        done += len(batch)


async def _throughput(path: Path) -> float:
    """Messages a second from publish to ack, publisher and consumer side by side."""
    broker = _broker(path)
    await broker.ensure(TOPOLOGY)
    messages = _messages(COUNT)
    began = time.perf_counter()
    await asyncio.gather(_publish(broker, messages), _consume(broker, COUNT))
    seconds = time.perf_counter() - began
    await broker.close()
    return COUNT / seconds


def _bare_rate(path: Path) -> float:
    """Messages a second through three bare transactions a batch: insert, mark, delete."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, m TEXT, state INT, body BLOB)")
        began = time.perf_counter()
        for start in range(0, COUNT, BATCH):
            keys = [(n,) for n in range(start, start + BATCH)]
            rows = [(n, f"{n:036d}", BODY) for (n,) in keys]
            for statement, values in (
                ("INSERT INTO t VALUES (?, ?, 0, ?)", rows),
                ("UPDATE t SET state = 1 WHERE id = ?", keys),
                ("DELETE FROM t WHERE id = ?", keys),
            ):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(statement, values)
                connection.execute("COMMIT")
        return COUNT / (time.perf_counter() - began)


async def _rate_at(depth: int, path: Path) -> float:
    """Messages a second through publish, receive and ack on a queue that stays that deep."""
    broker = _broker(path)
    await broker.ensure(TOPOLOGY)
    messages = _messages(BATCH)
    at_once = min(depth, 50 * BATCH)
    for _ in range(depth // at_once):
        await broker.publish(TOPIC, messages * (at_once // BATCH))
    began = time.perf_counter()
    for _ in range(ROUNDS):
        await asyncio.gather(_publish(broker, messages), _consume(broker, BATCH))
    seconds = time.perf_counter() - began
    queued = (await broker.backlog(TOPIC, GROUP)).ready
    assert queued == depth, f"{queued} queued, not {depth}"
    await broker.close()
    return ROUNDS * BATCH / seconds


def _hops(path: Path) -> list[float]:
    """Milliseconds from before a publish in one process to its receive in another, sorted."""
    times: Queue[float] = SPAWN.Queue()
    ready = SPAWN.Event()
    consumer = SPAWN.Process(target=_time_hops, args=(path, times, ready))
    consumer.start()
    assert ready.wait(30), "the consumer did not start"
    asyncio.run(_send_hops(path))
    hops = sorted(times.get(timeout=30) for _ in range(HOPS))
    consumer.join()
    return hops


async def _send_hops(path: Path) -> None:
    broker = _broker(path)
    await broker.ensure(TOPOLOGY)
    for _ in range(HOPS):
        await asyncio.sleep(0.02)  # so that the consumer waits again: its idle case
        body = str(time.monotonic()).encode()
        await broker.publish(TOPIC, [Message(id="hop", key="hop", body=body)])
    await broker.close()


def _time_hops(path: Path, times: "Queue[float]", ready: Event) -> None:
    async def consume() -> None:
        broker = _broker(path)
        await broker.ensure(TOPOLOGY)
        ready.set()
        for _ in range(HOPS):
            (delivery,) = await broker.receive(TOPIC, GROUP, limit=1, wait=30, lease=60)
            times.put((time.monotonic() - float(delivery.message.body)) * 1000)
            await delivery.ack()
        await broker.close()

    asyncio.run(consume())


def _idle(path: Path) -> float:
    """Percent of a core that a process spends waiting on every group of the topology at once."""
    spent: Queue[float] = SPAWN.Queue()
    process = SPAWN.Process(target=_wait_for_nothing, args=(path, spent))
    process.start()
    percent = spent.get(timeout=IDLE_S + 60)
    process.join()
    return percent


def _wait_for_nothing(path: Path, spent: "Queue[float]") -> None:
    async def wait(broker: SqliteBroker, topic: str, group: str) -> None:
        while not await broker.receive(topic, group, limit=10, wait=5, lease=60):
            pass

    async def run() -> None:
        broker = _broker(path)
        await broker.ensure(TOPOLOGY)
        tasks = [asyncio.create_task(wait(broker, *pair)) for pair in PAIRS]
        await asyncio.sleep(1)
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(IDLE_S)
        spent.put(100 * (time.process_time() - cpu) / (time.monotonic() - began))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await broker.close()

    asyncio.run(run())


if __name__ == "__main__":
    report(measure, __doc__)
