"""What the broker contract's tests share."""

import asyncio
from collections.abc import Sequence

from mediakiln.model.messages import Message
from mediakiln.model.topology import DEAD
from mediakiln.ports.broker import Broker, Delivery

TOPOLOGY = {"work": ("workers",), "fan": ("left", "right", "third"), DEAD: ("dead",)}
LEASE = 30.0
"""Seconds; longer than any test."""
SHORT_LEASE = 0.4
"""Seconds; short enough to see it lapse."""
PATIENCE = 10.0
"""Seconds to wait for what must come."""


def made(count: int, *, project: str = "default", prefix: str = "m") -> list[Message]:
    """Small messages whose ids sort in the order they were made."""
    return [
        Message(id=f"{prefix}{n:06d}", key=f"asset-{n}", project=project, body=f"body {n}".encode())
        for n in range(count)
    ]


async def collect(
    broker: Broker, topic: str, group: str, count: int, *, lease: float = LEASE
) -> list[Delivery]:
    """Exactly `count` deliveries, in as many receives as it takes."""
    got: list[Delivery] = []
    async with asyncio.timeout(PATIENCE):
        while len(got) < count:
            limit = count - len(got)
            got += await broker.receive(topic, group, limit=limit, wait=1, lease=lease)
    return got


async def take_one(broker: Broker, topic: str, group: str, *, lease: float = LEASE) -> Delivery:
    """The next delivery."""
    return (await collect(broker, topic, group, 1, lease=lease))[0]


async def ids_of(broker: Broker, topic: str, group: str, count: int) -> Sequence[str]:
    """The ids of the next `count` messages, which stay leased."""
    return [delivery.message.id for delivery in await collect(broker, topic, group, count)]
