"""How much waits for a group: what Kafka holds behind its offsets, less what is on our shelves."""

import asyncio
import time

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from mediakiln.adapters.broker.kafka.admin.directory import Directory
from mediakiln.adapters.broker.kafka.admin.topics import Topics
from mediakiln.adapters.broker.kafka.consume.lane import Lane
from mediakiln.adapters.broker.kafka.consume.member import Member, Place
from mediakiln.adapters.broker.kafka.errors import translated
from mediakiln.adapters.broker.kafka.names import Names, Road
from mediakiln.ports.broker import Backlog

_KNOWN_S = 60.0
"""Partitions are added seldom: how old the knowledge of them may be."""
_DOING = "reading a group's offsets"


class Lag:
    """Counts per topic and group."""

    def __init__(self, names: Names, topics: Topics, directory: Directory) -> None:
        self._names = names
        self._topics = topics
        self._directory = directory

    async def measure(self, topic: str, group: str, member: Member | None) -> Backlog:
        """What waits: exact for this process's partitions, by committed offset for others'."""
        roads = self._names.roads(topic, group)
        counts = await self._topics.counts(max_age=_KNOWN_S)
        places = [TopicPartition(name, n) for name in roads for n in range(counts.get(name, 0))]
        ends = await self._topics.ends(places)
        committed = await self._committed(group, places)
        lanes = _held(member, topic)
        total = dict.fromkeys(Road, 0)
        for (name, number), end in ends.items():
            road = roads[name]
            if (lane := lanes.get((name, number))) is not None:
                total[road] += max(0, end - lane.position) + len(lane.open)
                continue
            start = self._directory.start(topic, group, number) if road is Road.MAIN else 0
            total[road] += max(0, end - committed.get((name, number), start))
        leased = sum(lane.leases for lane in lanes.values())
        ready = total[Road.MAIN] + total[Road.AGAIN] - leased
        return Backlog(ready=max(0, ready), leased=leased, delayed=total[Road.LATER])

    async def _committed(self, group: str, places: list[TopicPartition]) -> dict[Place, int]:
        name = self._names.group(group)
        asked = [ConsumerGroupTopicPartitions(name, places)]
        (future,) = self._topics.admin.list_consumer_group_offsets(asked).values()
        try:
            answer = await asyncio.wrap_future(future)
        except KafkaException as error:
            raise translated(error, _DOING) from error
        return {(p.topic, p.partition): p.offset for p in answer.topic_partitions if p.offset >= 0}


def _held(member: Member | None, topic: str) -> dict[Place, Lane]:
    """This process's partitions of the topic, with lapsed leases taken into account."""
    if member is None or topic not in member.channels:
        return {}
    with member.lock:
        member.channels[topic].shelf.lapse(time.monotonic())
        return {place: lane for place, lane in member.lanes.items() if lane.topic == topic}
