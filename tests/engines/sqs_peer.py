"""The other process of the SQS broker's tests: `python sqs_peer.py COMMAND URL`.

It tells what happened line by line, so that a test that kills it knows what was confirmed.
"""

import asyncio
import sys

from mediakiln.adapters.broker.sqs import SqsBroker

LEASE = 3.0


def say(*words: object) -> None:
    """One line to the test."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def drain(broker: SqsBroker) -> None:
    """Hold each message past its first lease, ack it and say it; until none came."""
    say("ready")
    while batch := await broker.receive("work", "workers", limit=5, wait=4, lease=LEASE):
        for _ in range(2):
            await asyncio.sleep(LEASE * 2 / 3)
            await asyncio.gather(*(delivery.extend(LEASE) for delivery in batch))
        await asyncio.gather(*(delivery.ack() for delivery in batch))
        for delivery in batch:
            say(delivery.message.id)


async def hold(broker: SqsBroker) -> None:
    """Take a message and never come back."""
    (delivery,) = await broker.receive("work", "workers", limit=1, wait=20, lease=LEASE)
    say(delivery.message.id)
    await asyncio.sleep(3600)


async def wait(broker: SqsBroker) -> None:
    """Wait for a message with a long lease."""
    await broker.receive("work", "workers", limit=1, wait=0, lease=600)
    poll = asyncio.create_task(broker.receive("work", "workers", limit=1, wait=20, lease=600))
    await asyncio.sleep(1)
    say("waiting")
    await poll


async def main(command: str, url: str) -> None:
    """Run one command against one broker."""
    broker = SqsBroker.from_url(url)
    await {"drain": drain, "hold": hold, "wait": wait}[command](broker)
    await broker.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
