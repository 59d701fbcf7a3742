"""The other process of the Kafka broker's tests: `python kafka_peer.py COMMAND URL`.

It tells what happened line by line, so that a test that kills it knows what was confirmed.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from mediakiln.adapters.broker.kafka import KafkaBroker
from mediakiln.model.errors import LeaseLost
from mediakiln.testing.broker_tools import LEASE, made


def say(*words: object) -> None:
    """One line to the test."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def consume(broker: KafkaBroker) -> None:
    """Receive and ack one by one until killed; each id is said once its ack is confirmed."""
    while True:
        for delivery in await broker.receive("work", "workers", limit=5, wait=5, lease=LEASE):
            try:
                await delivery.ack()
            except LeaseLost:
                continue
            say(delivery.message.id)


async def take(broker: KafkaBroker) -> None:
    """Receive and ack until asked to end; each id is said before it is acked."""
    while True:
        for delivery in await broker.receive("work", "workers", limit=5, wait=5, lease=LEASE):
            say(delivery.message.id)
            with suppress(LeaseLost):
                await delivery.ack()


async def hold(broker: KafkaBroker) -> None:
    """Receive and hold everything until killed; each id is said."""
    while True:
        for delivery in await broker.receive("work", "workers", limit=50, wait=5, lease=LEASE):
            say(delivery.message.id)


async def publish(broker: KafkaBroker) -> None:
    """Batches of ten until killed; each number is said once its batch is confirmed."""
    for number in range(1_000_000):
        await broker.publish("work", made(10, prefix=f"{number}-"))
        say(number)


COMMANDS: dict[str, Callable[[KafkaBroker], Awaitable[None]]] = {
    "consume": consume,
    "take": take,
    "hold": hold,
    "publish": publish,
}


async def main(command: str, url: str) -> None:
    """Run one command against one broker."""
    broker = KafkaBroker.from_url(url)
    work = asyncio.ensure_future(COMMANDS[command](broker))
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, work.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await work
    finally:
        await broker.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
