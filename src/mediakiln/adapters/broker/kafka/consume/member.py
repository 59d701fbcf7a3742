"""A member of one consumer group: one client, one thread that never stops polling.

Handlers take as long as they like: they work on what is on the shelves, while the thread answers
rebalances, fetches into bounded lanes and keeps `max.poll.interval` satisfied.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from mediakiln.adapters.broker.kafka import codec
from mediakiln.adapters.broker.kafka.consume.channel import Channel
from mediakiln.adapters.broker.kafka.consume.commits import Commits
from mediakiln.adapters.broker.kafka.consume.lane import Entry, Lane
from mediakiln.adapters.broker.kafka.errors import Health, translated
from mediakiln.adapters.broker.kafka.names import Names, Road
from mediakiln.adapters.broker.kafka.options import Options
from mediakiln.model.errors import MediakilnError

_POLL_S = 0.2
_POLL_BUSY_S = 0.004
"""While anything is in work."""
_POLL_BRISK_S = 0.001
"""While acks come in numbers."""
_BRISK_FOR_S = 0.1
_BATCH = 200
_ASK_S = 5.0
_DRAIN_POLL_S = 0.01

Place = tuple[str, int]
Start = Callable[[str, str, int], int]


class Member:
    """Reads the channels that were joined; shares them with the group's other members."""

    def __init__(
        self, options: Options, health: Health, group: str, start: Start, instance: str | None
    ) -> None:
        self.lock = threading.Lock()
        self.commits = Commits(self.lock)
        self.lanes: dict[Place, Lane] = {}
        self.channels: dict[str, Channel] = {}
        self.failure: MediakilnError | None = None
        self._group = group
        self._instance = instance
        self._names = Names(options.prefix)
        self._options = options
        self._start = start
        self._roads: dict[str, tuple[Channel, Road]] = {}
        self._subscribed: frozenset[str] = frozenset()
        self._busy = False
        self._stop = threading.Event()
        self.consumer = Consumer(self._settings(health))
        self._thread = threading.Thread(target=self._run, name=f"kafka-{group}", daemon=True)
        self._thread.start()

    def channel(self, topic: str) -> Channel:
        """The channel of a topic; the first call subscribes to it."""
        if topic not in self.channels:
            channel = Channel(topic, self._group, self.lock)
            self.channels[topic] = channel
            roads = self._names.roads(topic, self._group)
            self._roads = self._roads | {name: (channel, road) for name, road in roads.items()}
        return self.channels[topic]

    def stop(self) -> None:
        """Commit what is settled, leave the group, end the thread; waits for it."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._subscribe()
                self._adjust_flow()
                self.commits.begin(self.consumer, [*self.lanes.values()])
                self._shelve(self._fetch())
        except MediakilnError as error:
            self.failure = error
        except KafkaException as error:
            self.failure = translated(error, "reading")
        finally:
            self.consumer.close()
            self._ring([*self.channels.values()])
            self.commits.ring()

    def _subscribe(self) -> None:
        wanted = frozenset(self._roads)
        if wanted != self._subscribed:
            self.consumer.subscribe(
                sorted(wanted),
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
            self._subscribed = wanted

    def _fetch(self) -> list[Record]:
        first = self.consumer.poll(self._patience())
        if first is None:
            return []
        # `consume` waits until it has as many as were asked for, so it takes only what is there.
        return [first, *self.consumer.consume(min(_BATCH, self._options.prefetch), 0)]

    def _patience(self) -> float:
        """How long the next poll may wait; an ack that comes meanwhile waits for its end."""
        if time.monotonic() - self.commits.began < _BRISK_FOR_S:
            return _POLL_BRISK_S
        return _POLL_BUSY_S if self._busy or self.commits.under_way else _POLL_S

    def _shelve(self, records: Sequence[Record]) -> None:
        for record in records:
            if (error := record.error()) is not None:
                self._judge(error)
        read = [(record, codec.read(record)) for record in records if record.error() is None]
        touched: set[Channel] = set()
        with self.lock:
            for record, content in read:
                place, offset = _place(record)
                lane = self.lanes.get(place)
                if lane is None or offset < lane.position:
                    continue  # the partition was given up since
                entry = _entry(lane, offset, content, record.timestamp()[1])
                lane.add(entry)
                channel = self.channels[lane.topic]
                channel.put(entry)
                touched.add(channel)
        self._ring(touched)

    def _judge(self, error: KafkaError) -> None:
        """Keep polling through what heals by itself."""
        problem = translated(error, "reading")
        if error.fatal() or not problem.retryable:
            raise problem

    def _adjust_flow(self) -> None:
        most = self._options.prefetch
        with self.lock:
            lanes = [lane for lane in self.lanes.values() if not lane.leaving]
            full = [lane for lane in lanes if not lane.paused and lane.full(most)]
            free = [lane for lane in lanes if lane.paused and lane.has_room(most)]
            for lane in (*full, *free):
                lane.paused = not lane.paused
            self._busy = any(lane.open for lane in lanes if lane.road is not Road.LATER)
        if full:
            self.consumer.pause([TopicPartition(lane.name, lane.number) for lane in full])
        if free:
            self.consumer.resume([TopicPartition(lane.name, lane.number) for lane in free])

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        for partition in self._committed(consumer, partitions):
            channel, road = self._roads[partition.topic]
            offset = partition.offset
            if offset < 0:
                offset = 0
                if road is Road.MAIN:
                    offset = self._start(channel.topic, self._group, partition.partition)
            lane = Lane(partition.topic, partition.partition, channel.topic, road, offset)
            with self.lock:
                self.lanes[partition.topic, partition.partition] = lane
        places = [(p.topic, p.partition) for p in partitions]
        begins = [TopicPartition(*place, self.lanes[place].position) for place in places]
        consumer.incremental_assign(begins)
        consumer.resume(begins)  # a partition that was ours, and paused, would still be paused

    def _committed(
        self, consumer: Consumer, partitions: list[TopicPartition]
    ) -> list[TopicPartition]:
        """Where the group stands; asked until it is answered: a guess would lose messages."""
        while True:
            try:
                return consumer.committed(partitions, timeout=_ASK_S)
            except KafkaException:
                if self._stop.is_set():
                    raise

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Let running handlers end for a while, commit, and give the partitions up."""
        lanes = self._leaving(partitions)
        patience = 0.0 if self._stop.is_set() else self._options.handover
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and self._any_leased(lanes):
            time.sleep(_DRAIN_POLL_S)
        with suppress(KafkaException):  # whoever is next repeats what was not committed
            self.commits.last(consumer, lanes)
        self._forget(lanes)

    def _any_leased(self, lanes: Sequence[Lane]) -> bool:
        with self.lock:
            for lane in lanes:
                self.channels[lane.topic].shelf.lapse(time.monotonic())
            return any(lane.leases for lane in lanes)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The group went on without this member: nothing can be committed any more."""
        self._forget(self._leaving(partitions))

    def _leaving(self, partitions: Sequence[TopicPartition]) -> list[Lane]:
        places = [(p.topic, p.partition) for p in partitions]
        with self.lock:
            lanes = [self.lanes[place] for place in places if place in self.lanes]
            for lane in lanes:
                lane.leaving = True
        return lanes

    def _forget(self, lanes: Sequence[Lane]) -> None:
        with self.lock:
            for lane in lanes:
                lane.lost = True
                del self.lanes[lane.name, lane.number]
                self.channels[lane.topic].drop(lane)
        self.commits.ring()

    def _ring(self, channels: Iterable[Channel]) -> None:
        for channel in channels:
            channel.bell.ring_from_afar()

    def _settings(self, health: Health) -> dict[str, Any]:
        options = self._options
        settings = options.client() | {
            "group.id": self._names.group(self._group),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": int(options.session * 1000),
            "heartbeat.interval.ms": max(100, int(options.session * 100)),
            "max.poll.interval.ms": int(options.poll * 1000),
            # What the client holds beside our lanes is thrown away when a lane is paused.
            "queued.min.messages": 1,
            "queued.max.messages.kbytes": 1024,
            "fetch.message.max.bytes": 256 * 1024,
            "fetch.queue.backoff.ms": 10,
            # A partition that is taken up again waits for the fetch under way to end.
            "fetch.wait.max.ms": 100,
            "on_commit": self.commits.answered,
            "error_cb": health.note,
        }
        if self._instance:
            settings["group.instance.id"] = self._instance
        return settings


def _place(record: Record) -> tuple[Place, int]:
    """Its partition and its offset, which every record that was read has."""
    topic, partition, offset = record.topic(), record.partition(), record.offset()
    return (str(topic), cast("int", partition)), cast("int", offset)


def _entry(lane: Lane, offset: int, read: codec.Read, stamp_ms: int) -> Entry:
    at = read.due if lane.road is Road.LATER else stamp_ms / 1000
    return Entry(lane, offset, read.message, read.attempt, at)
