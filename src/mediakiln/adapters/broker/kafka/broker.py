"""The broker port on Apache Kafka."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Self

from mediakiln.adapters.broker.checks import check_delay, check_messages, check_receive
from mediakiln.adapters.broker.kafka.admin.directory import Directory
from mediakiln.adapters.broker.kafka.admin.topics import Topics
from mediakiln.adapters.broker.kafka.consume.delivery import KafkaDelivery
from mediakiln.adapters.broker.kafka.consume.instance import Instance
from mediakiln.adapters.broker.kafka.consume.lag import Lag
from mediakiln.adapters.broker.kafka.consume.member import Member
from mediakiln.adapters.broker.kafka.consume.seat import Seat
from mediakiln.adapters.broker.kafka.errors import Health
from mediakiln.adapters.broker.kafka.names import Names
from mediakiln.adapters.broker.kafka.options import Options
from mediakiln.adapters.broker.kafka.post import Post
from mediakiln.adapters.broker.kafka.sender import Sender
from mediakiln.model.errors import EngineUnavailable
from mediakiln.model.messages import Message
from mediakiln.ports.broker import Backlog, BrokerCapabilities

CAPABILITIES = BrokerCapabilities(
    shared=True, durable=True, counts_attempts=False, oldest_age=False, fair_shares=False
)


class KafkaBroker:
    """A `Broker` on Kafka 2.4 or newer: `kafka://[user:password@]host:port[,host:port…][?…]`.

    | option | default | what it is |
    |---|---|---|
    | `prefix` | `mediakiln.` | in front of every topic and group |
    | `partitions` | 6 | of each topic: at most so many processes share a group's work |
    | `replication` | 3 | copies of each record; all but one must be there to publish |
    | `retention` | 14 | days that messages are kept, read or not |
    | `session` | 30 | seconds of silence after which a process's messages go to others |
    | `poll` | 300 | seconds that a rebalance may take (`max.poll.interval.ms`) |
    | `handover` | 5 | seconds that running work is waited for when a partition moves |
    | `prefetch` | 1000 | messages held of one partition, those being worked on included |
    | `timeout` | 30 | seconds after which a request has failed |
    | `instance` | none | static membership: a lasting name, such as the machine's or the pod's |
    | `tls` | false | encrypt; `ca`, `certificate` and `key` are files |
    | `sasl` | none | log in: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512` |

    Numbers of partitions only grow; replication and retention count when a topic is made.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._health = Health()
        self._names = Names(options.prefix)
        self._topics = Topics(options, self._health)
        self._sender = Sender(options, self._health)
        self._directory = Directory(options, self._health, self._topics, self._sender)
        self._post = Post(self._names, self._directory, self._sender)
        self._lag = Lag(self._names, self._topics, self._directory)
        self._seats: dict[str, Seat] = {}
        self._instance: Instance | None = None
        self._closed = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A broker for this address; nothing is connected yet.

        Raises:
            EngineMisconfigured: the address or an option is wrong.
        """
        return cls(Options.from_url(url))

    @property
    def capabilities(self) -> BrokerCapabilities:
        """Shared and durable; partitions know nothing of projects, groups nothing of attempts."""
        return CAPABILITIES

    async def ensure(self, topology: Mapping[str, Sequence[str]]) -> None:
        """Make topics and groups that are not there yet.

        Raises:
            EngineMisconfigured: Kafka refuses to: permission, replication, policy.
        """
        self._check_open()
        await self._directory.ensure(topology)

    async def publish(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        group: str | None = None,
        delay: float = 0.0,
    ) -> None:
        """Publish; on return every in-sync replica has every message.

        Raises:
            NotFound: no such topic, or no such group.
            InvalidRequest: the delay is out of range.
            LimitExceeded: a message is larger than 64 KiB; none was published.
            EngineUnavailable: not all were acknowledged; some may be there.
        """
        self._check_open()
        check_delay(delay)
        check_messages(messages)
        if group is not None:
            await self._post.to_group(topic, group, messages, delay)
        elif delay > 0:
            await self._post.to_all_later(topic, messages, delay)
        else:
            await self._post.to_all(topic, messages)

    async def receive(
        self, topic: str, group: str, *, limit: int, wait: float, lease: float
    ) -> Sequence[KafkaDelivery]:
        """Lease up to `limit` messages, waiting up to `wait` seconds for the first.

        The first call for a topic makes this process a member of the group, which takes a moment.

        Raises:
            NotFound: no such topic, or no such group.
            InvalidRequest: limit, wait or lease is out of range.
        """
        check_receive(limit, wait, lease)
        self._check_open()
        await self._directory.find(topic, group)
        self._check_open()
        seat = self._seat(group)
        channel = seat.channel(topic)
        deadline = time.monotonic() + wait
        while True:
            now = time.monotonic()
            with channel.lock:
                taken = channel.shelf.take(limit, now=now, lease=lease)
                lapse = channel.shelf.next_lapse()
            if taken:
                channel.bell.ring()  # others who wait have a new lapse to look forward to
                return [
                    KafkaDelivery(self._post, channel, seat.member.commits, entry, receipt)
                    for entry, receipt in taken
                ]
            self._check_seat(group, seat)
            if now >= deadline:
                return await self._nothing()
            await channel.bell.wait(min(deadline, lapse or deadline) - now)
            self._check_open()

    async def _nothing(self) -> Sequence[KafkaDelivery]:
        """Nothing came: because there is nothing, or because Kafka is out?"""
        if self._health.doubt() is not None:
            await self._topics.counts()
        return []

    async def backlog(self, topic: str, group: str) -> Backlog:
        """What waits for the group.

        Raises:
            NotFound: no such topic, or no such group.
        """
        self._check_open()
        await self._directory.find(topic, group)
        seat = self._seats.get(group)
        member = seat.member if seat else None
        return await self._lag.measure(topic, group, member)

    async def close(self) -> None:
        """Commit, leave the groups, and let go of connections and threads."""
        if self._closed:
            return
        self._closed = True
        for seat in self._seats.values():
            for channel in seat.member.channels.values():
                channel.bell.ring()
        await asyncio.gather(*(seat.close() for seat in self._seats.values()))
        await asyncio.to_thread(self._sender.stop)
        if self._instance is not None:
            self._instance.release()

    def _seat(self, group: str) -> Seat:
        if group not in self._seats:
            if self._options.instance and self._instance is None:
                self._instance = Instance(self._options.instance)
            name = self._instance.id if self._instance else None
            member = Member(self._options, self._health, group, self._directory.start, name)
            self._seats[group] = Seat(member, self._names, self._sender)
        return self._seats[group]

    def _check_seat(self, group: str, seat: Seat) -> None:
        """A member that gave up is replaced by the next call's."""
        if seat.member.failure is not None:
            self._seats.pop(group, None)
            raise seat.member.failure

    def _check_open(self) -> None:
        if self._closed:
            raise EngineUnavailable("this Kafka broker was closed")
