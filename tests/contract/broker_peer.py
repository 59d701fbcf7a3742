"""The other process of the SQLite broker's tests: `python broker_peer.py COMMAND URL …`.

It tells what happened line by line, so that a test that kills it knows what was confirmed.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from mediakiln.adapters.broker import sqlite_watch
from mediakiln.adapters.broker.sqlite import SqliteBroker
from mediakiln.model.errors import MediakilnError, StorageFull
from mediakiln.model.messages import Message
from mediakiln.testing.broker_tools import TOPOLOGY, made

NEVER_S = 3600.0
BATCH = 10


def say(*words: object) -> None:
    """One line to the test."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def publish_forever(broker: SqliteBroker) -> None:
    """Batches of ten until killed; each number is said once its batch is confirmed."""
    for number in range(1_000_000):
        await broker.publish("work", made(BATCH, prefix=f"{number}-"))
        say(number)


async def consume_forever(broker: SqliteBroker) -> None:
    """Receive and ack one by one until killed; each id is said once its ack is confirmed."""
    while True:
        for delivery in await broker.receive("work", "workers", limit=5, wait=5, lease=1.0):
            await delivery.ack()
            say(delivery.message.id)


async def consume_until_dry(broker: SqliteBroker) -> None:
    """Receive and ack in batches until nothing came for a second; every id is said."""
    say("ready")
    while batch := await broker.receive("work", "workers", limit=8, wait=1.0, lease=30):
        await asyncio.gather(*(delivery.ack() for delivery in batch))
        for delivery in batch:
            say(delivery.message.id)


async def wait_for_the_bell(broker: SqliteBroker) -> None:
    """Wait with the slow poll off: only the doorbell can wake it in time."""
    sqlite_watch.POLL_S = NEVER_S
    await broker.receive("work", "workers", limit=1, wait=0.1, lease=30)
    task = asyncio.create_task(broker.receive("work", "workers", limit=1, wait=20, lease=30))
    await asyncio.sleep(0.2)
    say("waiting")
    got = await task
    say(*(delivery.message.id for delivery in got))


async def ensure_and_publish(broker: SqliteBroker) -> None:
    """What every role does when it starts."""
    await broker.ensure(TOPOLOGY)
    await broker.publish("work", [Message(id=str(os.getpid()), key="k", body=b"")])


async def fill(broker: SqliteBroker) -> None:
    """Publish until the disk is full, make room, and go on."""
    ballast = Path(sys.argv[2].removeprefix("sqlite:///")).with_name("ballast")
    ballast.write_bytes(bytes(5 * 1024 * 1024))
    await broker.ensure(TOPOLOGY)
    confirmed = 0
    try:
        for _ in range(1000):
            await broker.publish("work", [Message(id="m", key="k", body=bytes(60_000))] * 3)
            confirmed += 3
    except StorageFull as error:
        say("full", error.code, bool(error.context["hint"]))
    say("ready", (await broker.backlog("work", "workers")).ready - confirmed)
    ballast.unlink()
    await broker.publish("work", made(1))
    received = 0
    while batch := await broker.receive("work", "workers", limit=10, wait=0, lease=30):
        received += len(batch)
        await asyncio.gather(*(delivery.ack() for delivery in batch))
    say("recovered", received - confirmed)


async def fork(broker: SqliteBroker) -> None:
    """A child inherits the open broker and publishes with it; the parent receives."""
    await broker.ensure(TOPOLOGY)
    waiting = asyncio.create_task(broker.receive("work", "workers", limit=1, wait=20, lease=30))
    await asyncio.sleep(0.3)
    child = os.fork()
    if child == 0:
        _in_the_child(broker)
    (delivery,) = await waiting
    await delivery.ack()
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    await broker.publish("work", made(1))
    say(delivery.message.id, status, (await broker.backlog("work", "workers")).ready)


def _in_the_child(broker: SqliteBroker) -> None:
    # The parent's loop is marked as running in this thread; the child needs one of its own.
    asyncio.events._set_running_loop(None)
    try:
        asyncio.run(_publish_and_close(broker))
        os._exit(0)
    finally:
        os._exit(1)


async def _publish_and_close(broker: SqliteBroker) -> None:
    await broker.publish("work", made(1, prefix="from-the-child-"))
    await broker.close()


async def hold_the_lock(broker: SqliteBroker) -> None:
    """Block all writers for two seconds, as a long checkpoint elsewhere would."""
    from mediakiln.adapters.broker.sqlite_writer import Work

    await broker.ensure(TOPOLOGY)

    def sit(_: object) -> None:
        say("locked")
        time.sleep(2)

    await broker.do(Work(sit))


COMMANDS: dict[str, Callable[[SqliteBroker], Awaitable[None]]] = {
    "publish": publish_forever,
    "consume": consume_forever,
    "drain": consume_until_dry,
    "wait": wait_for_the_bell,
    "ensure": ensure_and_publish,
    "fill": fill,
    "fork": fork,
    "lock": hold_the_lock,
}


async def main(command: str, url: str) -> None:
    """Run one command against one broker."""
    broker = SqliteBroker.from_url(url)
    try:
        await COMMANDS[command](broker)
    except MediakilnError as error:
        say("error", error.code, error)
    await broker.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
