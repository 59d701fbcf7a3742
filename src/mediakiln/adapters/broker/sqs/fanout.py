"""How a message reaches every group of its topic: by SNS, or by the publisher itself."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from mediakiln.adapters.broker.sqs.batches import settled
from mediakiln.adapters.broker.sqs.codec import Parcel
from mediakiln.adapters.broker.sqs.outbound import Outbound
from mediakiln.adapters.broker.sqs.queues import Queue, Queues
from mediakiln.model.errors import NotFound

NOBODY = ""
"""The group whose queue marks a topic that nobody reads."""
_KNOWN_S = 30.0
"""How long the list of a topic's groups is believed."""


class Fanout(Protocol):
    """One way from a topic to its groups."""

    def queues_for(self, topology: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
        """The groups that need a queue."""
        ...

    async def ensure(
        self,
        topology: Mapping[str, Collection[str]],
        queues: Mapping[tuple[str, str], Queue],
    ) -> None:
        """Join topics and queues, which exist."""
        ...

    async def publish(self, topic: str, parcels: Sequence[Parcel]) -> None:
        """Send to every group.

        Raises:
            NotFound: no such topic.
        """
        ...

    async def groups(self, topic: str) -> Collection[str]:
        """The groups of a topic.

        Raises:
            NotFound: no such topic.
        """
        ...


class QueueFanout:
    """The publisher sends to each group's queue, where the server has no SNS.

    A topic exists if a queue of it does; one that nobody reads has an empty queue as its mark.
    Groups that another process makes are seen within half a minute.
    """

    def __init__(self, queues: Queues, outbound: Outbound) -> None:
        self._queues = queues
        self._outbound = outbound
        self._known: dict[str, tuple[float, set[str]]] = {}

    def queues_for(self, topology: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
        """Every group, and the mark where there is none."""
        return {topic: set(groups) or {NOBODY} for topic, groups in topology.items()}

    async def ensure(
        self,
        topology: Mapping[str, Collection[str]],
        queues: Mapping[tuple[str, str], Queue],
    ) -> None:
        """Know the groups at once: SQS may list a new queue only after a while."""
        del queues
        lists = await asyncio.gather(*map(self._queues.groups, topology))
        for (topic, groups), listed in zip(topology.items(), lists, strict=True):
            self._known[topic] = (time.monotonic(), {*listed, *groups} - {NOBODY})

    async def publish(self, topic: str, parcels: Sequence[Parcel]) -> None:
        """Send to each queue; raises, once all have answered, if one did not take all."""
        groups = await self.groups(topic)
        await settled([self._send(topic, group, parcels) for group in groups])

    async def groups(self, topic: str) -> Collection[str]:
        """By the names of the queues."""
        since, known = self._known.get(topic, (0.0, set()))
        if not known or time.monotonic() - since > _KNOWN_S:
            listed = set(await self._queues.groups(topic))
            if not listed:
                raise NotFound(f"there is no topic {topic!r}", topic=topic)
            known = listed - {NOBODY}
            self._known[topic] = (time.monotonic(), known)
        return known

    async def _send(self, topic: str, group: str, parcels: Sequence[Parcel]) -> None:
        await self._outbound.send(await self._queues.url(topic, group), parcels)
