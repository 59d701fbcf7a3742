"""The register of groups: an append-only Kafka topic in which the first line for a group wins.

A line says where in its topic's partitions a group begins. The offsets are looked up before the
line is appended, so whatever is published once `ensure` has returned lies behind them; and since
all readers believe the first line, processes that register one group at once agree. (Committing
offsets for a new group has no such order: the slower one would skip what came in between.)
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from mediakiln.adapters.broker.kafka.errors import (
    PARTITION_EOF,
    TIMED_OUT,
    UNKNOWN_PARTITION,
    Health,
)
from mediakiln.adapters.broker.kafka.options import Options

_ABSENT = {KafkaError.UNKNOWN_TOPIC_OR_PART, UNKNOWN_PARTITION}


@dataclass(frozen=True, slots=True)
class Line:
    """A topic exists; or, with a group, the group begins at these offsets, one per partition."""

    topic: str
    group: str | None = None
    starts: Sequence[int] = ()

    def encoded(self) -> bytes:
        """The record's value."""
        line = {"topic": self.topic, "group": self.group, "starts": list(self.starts)}
        return json.dumps(line).encode()

    @classmethod
    def read(cls, value: bytes) -> "Line":
        """The inverse of `encoded`."""
        return cls(**json.loads(value))


class Register:
    """Topics, their groups, and where each group begins."""

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        self._topics: dict[str, dict[str, Sequence[int]]] = {}
        for line in lines:
            groups = self._topics.setdefault(line.topic, {})
            if line.group is not None:
                groups.setdefault(line.group, line.starts)

    def __contains__(self, topic: str) -> bool:
        return topic in self._topics

    def groups(self, topic: str) -> Sequence[str]:
        """The groups of a topic."""
        return list(self._topics.get(topic, ()))

    def has(self, topic: str, group: str) -> bool:
        """Whether the topic has the group."""
        return group in self._topics.get(topic, ())

    def start(self, topic: str, group: str, partition: int) -> int:
        """The group's first offset; 0 in partitions that were added after it was made."""
        starts = self._topics.get(topic, {}).get(group, ())
        return starts[partition] if partition < len(starts) else 0


def read(options: Options, health: Health, name: str) -> Register:
    """Read the whole register; blocks.

    Raises:
        KafkaException: it cannot be read.
    """
    consumer = Consumer(
        options.client()
        | {
            "group.id": f"{name}-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
            "error_cb": health.note,
        }
    )
    try:
        consumer.assign([TopicPartition(name, 0, 0)])
        return Register(
            [
                Line.read(record.value() or b"{}")
                for record in _to_the_end(consumer, options.timeout)
            ]
        )
    finally:
        consumer.close()


def _to_the_end(consumer: Consumer, timeout: float) -> Iterator[Record]:
    deadline = time.monotonic() + timeout
    problem = KafkaError(TIMED_OUT)
    while (left := deadline - time.monotonic()) > 0:
        record = consumer.poll(left)
        if record is None:
            continue
        error = record.error()
        if error is None:
            yield record
        elif error.code() == PARTITION_EOF or error.code() in _ABSENT:
            return
        else:
            problem = error  # it may heal while there is time
    raise KafkaException(problem)
