"""Making topics: what `ensure` asks of the cluster's controller."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported, not declared
    AdminClient,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

from mediakiln.adapters.broker.kafka.errors import (
    UNKNOWN_PARTITION,
    UNKNOWN_TOPIC,
    Health,
    translated,
)
from mediakiln.adapters.broker.kafka.options import Options

_SETTLE_S = 15.0
_PAUSE_S = 0.1
_DAY_MS = 24 * 3600 * 1000
_YOUNG = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    UNKNOWN_PARTITION,
    UNKNOWN_TOPIC,
}
"""What Kafka says of a topic whose creation has not reached every broker yet."""


class Topics:
    """The administrative client of one broker."""

    def __init__(self, options: Options, health: Health) -> None:
        self._options = options
        self._health = health
        self._admin: AdminClient | None = None
        self._counted: tuple[float, Mapping[str, int]] | None = None

    @property
    def admin(self) -> AdminClient:
        """The client, made when first needed."""
        if self._admin is None:
            settings = self._options.client() | {"error_cb": self._health.note}
            self._admin = AdminClient(settings)
        return self._admin

    async def counts(self, max_age: float = 0.0) -> Mapping[str, int]:
        """The partitions of every topic there is, as they were at most `max_age` seconds ago."""
        now = time.monotonic()
        if self._counted is not None and now - self._counted[0] < max_age:
            return self._counted[1]
        timeout = self._options.timeout
        found = await self._asked(
            asyncio.to_thread(self.admin.list_topics, timeout=timeout), "reading topics"
        )
        counts = {name: len(topic.partitions) for name, topic in found.topics.items()}
        self._counted = (now, counts)
        return counts

    async def make(self, wanted: Mapping[str, int], found: Mapping[str, int]) -> set[str]:
        """Make topics that are missing and add partitions where there are too few.

        Returns the topics that did not exist before and were made by this very call.
        """
        missing = [name for name in wanted if name not in found]
        made = await self._make(missing, wanted) if missing else set()
        self._counted = None
        grown = [
            NewPartitions(name, count)
            for name, count in wanted.items()
            if name in found and found[name] < count
        ]
        if grown:
            await self._grow(grown)
        return made

    async def _make(self, names: Sequence[str], counts: Mapping[str, int]) -> set[str]:
        requests = [self._request(name, counts[name]) for name in names]
        futures = self.admin.create_topics(requests, operation_timeout=10.0, request_timeout=30.0)
        made: set[str] = set()
        for name, future in futures.items():
            if await self._unless(KafkaError.TOPIC_ALREADY_EXISTS, future, "making topics"):
                made.add(name)
        return made

    async def _grow(self, requests: Sequence[NewPartitions]) -> None:
        futures = self.admin.create_partitions(list(requests), operation_timeout=10.0)
        for future in futures.values():
            # Another process may have added them meanwhile, or more.
            await self._unless(KafkaError.INVALID_PARTITIONS, future, "adding partitions")

    def _request(self, name: str, count: int) -> NewTopic:
        copies = self._options.replication
        config = {
            "min.insync.replicas": str(max(1, copies - 1)),
            "retention.ms": str(int(self._options.retention * _DAY_MS)),
        }
        if name == f"{self._options.prefix}groups":
            config["retention.ms"] = config["retention.bytes"] = "-1"
        return NewTopic(name, num_partitions=count, replication_factor=copies, config=config)

    async def _unless(self, expected: int, future: "Future[Any]", doing: str) -> bool:
        try:
            await self._asked(asyncio.wrap_future(future), doing, also=expected)
        except KafkaException:
            return False
        return True

    async def ends(self, partitions: Sequence[TopicPartition]) -> dict[tuple[str, int], int]:
        """The end offset of each partition; waits for those that are being made."""
        deadline = asyncio.get_running_loop().time() + _SETTLE_S
        while True:
            latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
            asked = dict.fromkeys(partitions, latest)
            futures = self.admin.list_offsets(asked, request_timeout=self._options.timeout)
            try:
                return {
                    (p.topic, p.partition): (await asyncio.wrap_future(future)).offset
                    for p, future in futures.items()
                }
            except KafkaException as error:
                late = asyncio.get_running_loop().time() > deadline
                if late or error.args[0].code() not in _YOUNG:
                    raise self._explained(error, "reading offsets") from error
            await asyncio.sleep(_PAUSE_S)

    async def _asked(self, call: Any, doing: str, also: int | None = None) -> Any:
        try:
            answer = await call
        except KafkaException as error:
            if also is not None and error.args[0].code() == also:
                raise
            raise self._explained(error, doing) from error
        self._health.clear()
        return answer

    def _explained(self, error: KafkaException, doing: str) -> Exception:
        self.admin.poll(0)  # what it heard of its connections waits to be asked for
        return self._health.explain(translated(error, doing), doing)
