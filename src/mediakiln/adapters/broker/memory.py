"""The broker of one process: nothing leaves it, nothing outlives it.

For `mediakiln process`, for tests, and as the reference of what the other engines do.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

from mediakiln.adapters.broker.checks import (
    check_delay,
    check_lease,
    check_messages,
    check_receive,
)
from mediakiln.adapters.broker.memory_group import Entry, GroupQueue
from mediakiln.model.deadletter import DeadLetter
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable, NotFound
from mediakiln.model.ids import new_id
from mediakiln.model.messages import Message
from mediakiln.model.topology import DEAD
from mediakiln.ports.broker import Backlog, BrokerCapabilities

CAPABILITIES = BrokerCapabilities(
    shared=False, durable=False, counts_attempts=True, oldest_age=True, fair_shares=True
)


class _Group:
    """A group's queue and the bell that wakes whoever waits for it."""

    def __init__(self, topic: str, name: str) -> None:
        self.topic = topic
        self.name = name
        self.queue = GroupQueue()
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Wake those who wait now, and nobody who comes later."""
        self._bell.set()
        self._bell.clear()

    async def wait(self, seconds: float) -> None:
        """Sleep until the bell rings or `seconds` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()


class MemoryBroker:
    """A `Broker` inside one event loop, built by `from_url("memory://")`."""

    def __init__(self) -> None:
        self._topics: dict[str, dict[str, _Group]] = {}
        self._closed = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A new, empty broker.

        Raises:
            EngineMisconfigured: the URL is not `memory://`.
        """
        parts = urlsplit(url)
        if parts.scheme != "memory" or parts.netloc or parts.path.strip("/"):
            raise EngineMisconfigured(
                f"{url!r} is not a memory broker's address", value=url, hint="use memory://"
            )
        return cls()

    @property
    def capabilities(self) -> BrokerCapabilities:
        """Neither shared nor durable."""
        return CAPABILITIES

    async def ensure(self, topology: Mapping[str, Sequence[str]]) -> None:
        """Make topics and groups that are not there yet."""
        self._check_open()
        for topic, names in topology.items():
            groups = self._topics.setdefault(topic, {})
            for name in names:
                groups.setdefault(name, _Group(topic, name))

    async def publish(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        group: str | None = None,
        delay: float = 0.0,
    ) -> None:
        """Publish to every group of the topic, or to one.

        Raises:
            NotFound: no such topic, or no such group.
            InvalidRequest: the delay is out of range.
            LimitExceeded: a message is larger than 64 KiB; none was published.
        """
        self._check_open()
        check_delay(delay)
        check_messages(messages)
        if group is None:
            self.put(self._groups(topic), messages, delay)
        else:
            self.put([self._group(topic, group)], messages, delay)

    async def receive(
        self, topic: str, group: str, *, limit: int, wait: float, lease: float
    ) -> Sequence["MemoryDelivery"]:
        """Lease up to `limit` messages, waiting up to `wait` seconds for the first.

        Raises:
            NotFound: no such topic, or no such group.
            InvalidRequest: limit, wait or lease is out of range.
        """
        check_receive(limit, wait, lease)
        self._check_open()
        source = self._group(topic, group)
        deadline = time.monotonic() + wait
        while True:
            now = time.monotonic()
            taken = source.queue.take(limit, now=now, lease=lease)
            if taken:
                # Others who wait have a new moment to look forward to: the lapse of this lease.
                source.ring()
                return [MemoryDelivery(self, source, entry, receipt) for entry, receipt in taken]
            if now >= deadline:
                return []
            due = source.queue.next_due()
            until = deadline if due is None else min(deadline, due)
            await source.wait(until - now)
            self._check_open()

    async def backlog(self, topic: str, group: str) -> Backlog:
        """What waits for the group, exactly.

        Raises:
            NotFound: no such topic, or no such group.
        """
        self._check_open()
        return self._group(topic, group).queue.backlog(time.monotonic())

    async def close(self) -> None:
        """Forget everything; whoever waits gets `EngineUnavailable`."""
        self._closed = True
        for groups in self._topics.values():
            for group in groups.values():
                group.ring()

    def dead_groups(self) -> list[_Group]:
        """The groups that dead letters go to.

        Raises:
            NotFound: the topology has no topic for them.
        """
        return self._groups(DEAD)

    @staticmethod
    def put(groups: Sequence[_Group], messages: Sequence[Message], delay: float) -> None:
        """Add messages, already checked, to groups."""
        now = time.monotonic()
        for group in groups:
            for message in messages:
                group.queue.put(message, now=now, delay=delay)
            group.ring()

    def _check_open(self) -> None:
        if self._closed:
            raise EngineUnavailable("this memory broker was closed")

    def _groups(self, topic: str) -> list[_Group]:
        if topic not in self._topics:
            raise NotFound(f"there is no topic {topic!r}", topic=topic)
        return list(self._topics[topic].values())

    def _group(self, topic: str, name: str) -> _Group:
        for group in self._groups(topic):
            if group.name == name:
                return group
        raise NotFound(f"topic {topic!r} has no group {name!r}", topic=topic, group=name)


class MemoryDelivery:
    """A leased message of the memory broker."""

    def __init__(self, broker: MemoryBroker, group: _Group, entry: Entry, receipt: int) -> None:
        self._broker = broker
        self._group = group
        self._entry = entry
        self._receipt = receipt
        self._attempt = entry.attempt

    @property
    def message(self) -> Message:
        """What was published."""
        return self._entry.message

    @property
    def attempt(self) -> int:
        """How often it was delivered to this group, this time included."""
        return self._attempt

    async def ack(self) -> None:
        """End it.

        Raises:
            LeaseLost: the lease lapsed or was ended.
        """
        self._group.queue.end(self._entry, self._receipt, now=time.monotonic())

    async def retry(self, delay: float = 0.0) -> None:
        """Give it back, to be seen after at least `delay` seconds.

        Raises:
            LeaseLost: the lease lapsed or was ended.
            InvalidRequest: the delay is out of range.
        """
        check_delay(delay)
        now = time.monotonic()
        self._group.queue.retry(self._entry, self._receipt, now=now, delay=delay)
        self._group.ring()

    async def extend(self, seconds: float) -> None:
        """Keep the lease for `seconds` from now.

        Raises:
            LeaseLost: the lease lapsed or was ended.
            InvalidRequest: not a positive number of seconds.
        """
        check_lease(seconds)
        now = time.monotonic()
        self._group.queue.extend(self._entry, self._receipt, now=now, seconds=seconds)
        self._group.ring()

    async def bury(self, reason: str) -> None:
        """Publish it as a `DeadLetter` and end it, in one step.

        Raises:
            LeaseLost: the lease lapsed or was ended.
            NotFound: the topology has no topic for dead letters; the lease goes on.
        """
        dead = self._broker.dead_groups()
        self._group.queue.end(self._entry, self._receipt, now=time.monotonic())
        letter = DeadLetter.of(
            self.message,
            id=new_id(),
            topic=self._group.topic,
            group=self._group.name,
            reason=reason,
            attempts=self._attempt,
            at=datetime.now(UTC),
        )
        self._broker.put(dead, [letter.to_message()], 0.0)
