"""Relay: send the events that their writers did not."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import timedelta

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import MediakilnError
from mediakiln.ports.broker import Broker
from mediakiln.ports.catalog import Catalog, Pending
from mediakiln.telemetry import metrics

GRACE = timedelta(seconds=2)
"""How long a writer has to send and mark its own events."""


class Relay:
    """Sweeps the outbox, shard by shard.

    Events of the topics in `captured` are marked only: change data capture publishes them.
    """

    def __init__(
        self,
        catalog: Catalog,
        broker: Broker,
        *,
        captured: Collection[str] = (),
        grace: timedelta = GRACE,
        clock: Clock = utc_now,
    ) -> None:
        self._catalog = catalog
        self._broker = broker
        self._captured = frozenset(captured)
        self._grace = grace
        self._clock = clock

    async def sweep(self, *, limit: int = 200) -> int:
        """Send what has waited longer than the grace; returns how many events were sent.

        Raises:
            MediakilnError: of the first topic that takes nothing, once the others have theirs.
        """
        sent = 0
        failures: list[MediakilnError] = []
        for shard in range(self._catalog.capabilities.shards):
            before = self._clock() - self._grace
            waiting = await self._catalog.outbox(before=before, shard=shard, limit=limit)
            sent += await self._send(waiting, failures)
        metrics.RELAYED.inc(sent)
        if failures:
            raise failures[0]
        return sent

    async def _send(self, waiting: Sequence[Pending], failures: list[MediakilnError]) -> int:
        sent = 0
        by_topic: defaultdict[tuple[str, float], list[Pending]] = defaultdict(list)
        for event in waiting:
            by_topic[event.topic, event.delay].append(event)
        for (topic, delay), events in by_topic.items():
            try:
                if topic not in self._captured:
                    messages = [event.message for event in events]
                    await self._broker.publish(topic, messages, delay=delay)
            except MediakilnError as error:
                failures.append(error)
                continue
            await self._catalog.sent([(event.asset, event.message.id) for event in events])
            sent += len(events)
        return sent
