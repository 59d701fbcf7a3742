"""Every message twice, late and out of order, while files go through in this process."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from blake3 import blake3

from mediakiln.model.asset import Asset
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState
from mediakiln.model.messages import Message
from mediakiln.model.topology import TOPOLOGY
from mediakiln.model.upload import Offer
from mediakiln.roles import parts
from mediakiln.roles.engines import Engines, open_engines
from mediakiln.roles.service import Service, Together
from mediakiln.roles.settings import Settings
from mediakiln.roles.table import ROLES, builder
from support.audit import audit
from support.hooks import Hooks

Sent = list[tuple[str, Message]]


class Echo:
    """A broker that sends everything twice, the copy some time later, in any order."""

    def __init__(self, broker: Any, chaos: random.Random) -> None:
        self._broker = broker
        self._chaos = chaos
        self.sent: Sent = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    async def publish(
        self, topic: str, messages: Sequence[Message], *, delay: float = 0.0, **more: Any
    ) -> None:
        both = [*messages, *messages]
        self._chaos.shuffle(both)
        self.sent += [(topic, message) for message in messages]
        for message in both:
            later = delay + self._chaos.choice([0.0, 0.0, 0.05, 0.5, 1.5])
            await self._broker.publish(topic, [message], delay=later, **more)


@asynccontextmanager
async def running(settings: Settings, engines: Engines) -> AsyncIterator[None]:
    """Every consuming role, while the body works."""
    stop = asyncio.Event()
    services: list[Service] = [
        builder(name)(settings, engines) for name in ROLES if name not in {"web", "watch"}
    ]
    task = asyncio.create_task(Together(services).run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def send(settings: Settings, engines: Engines, files: Sequence[tuple[str, bytes]]) -> None:
    receive = parts.receive(settings, engines)
    for name, content in files:

        async def chunks(data: bytes = content) -> AsyncIterator[bytes]:
            yield data

        await receive(Offer(name=name), chunks())


async def at_rest(engines: Engines, count: int, patience: float) -> list[Asset]:
    """The records once all have ended and no message waits anywhere."""
    async with asyncio.timeout(patience):
        while True:
            page = await engines.catalog.list("default", limit=200)
            if len(page.assets) == count and all(asset.state.terminal for asset in page.assets):
                break
            await asyncio.sleep(0.2)
        while await waiting(engines):  # noqa: ASYNC110 - a backlog has no event
            await asyncio.sleep(0.2)
    page = await engines.catalog.list("default", limit=200)
    return sorted(page.assets, key=lambda asset: asset.id)


async def waiting(engines: Engines) -> int:
    total = 0
    for topic, groups in TOPOLOGY.items():
        for group in groups:
            backlog = await engines.broker.backlog(topic, group)
            total += backlog.ready + backlog.leased + backlog.delayed
    return total


async def objects(engines: Engines) -> list[tuple[Bucket, str, int, str]]:
    return [
        (bucket, item.key, item.size, item.etag)
        for bucket in Bucket
        async for item in engines.store.list(bucket)
    ]


def told_once_each(hooks: Hooks, assets: Sequence[Asset]) -> None:
    assert {key: len(told) for key, told in hooks.told.items()} == {
        (asset.id, 1): 1 for asset in assets
    }


async def disturbed(
    settings: Settings, hooks: Hooks, files: Sequence[tuple[str, bytes]], *, patience: float = 90
) -> None:
    """Put files through, then repeat every message there was: nothing may have changed.

    `settings` must tell `hooks` of what completes.
    """
    chaos = random.Random(5)  # noqa: S311 - the same disorder every time
    plain = open_engines(settings)
    echo = Echo(plain.broker, chaos)
    engines = replace(plain, broker=echo)
    await engines.ensure()
    async with running(settings, engines):
        await send(settings, engines, files)
        assets = await at_rest(engines, len(files), patience)
        assert {asset.state for asset in assets} == {AssetState.READY}
        told_once_each(hooks, assets)
        before, told = await objects(engines), hooks.count

        again = list(echo.sent)
        chaos.shuffle(again)
        for topic, message in again:
            await plain.broker.publish(topic, [message])
        assert await at_rest(engines, len(files), patience) == assets
        assert await objects(engines) == before
        assert hooks.count == told
        told_once_each(hooks, assets)
    await engines.close()
    found = await audit(settings, {f"blake3:{blake3(content).hexdigest()}" for _, content in files})
    assert found.broken == []
