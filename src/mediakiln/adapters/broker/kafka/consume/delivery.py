"""A message on lease to one consumer of this process."""

import time
from contextlib import suppress
from datetime import UTC, datetime

from mediakiln.adapters.broker.checks import check_delay, check_lease
from mediakiln.adapters.broker.kafka.consume.channel import Channel
from mediakiln.adapters.broker.kafka.consume.commits import Commits
from mediakiln.adapters.broker.kafka.consume.lane import Entry
from mediakiln.adapters.broker.kafka.post import Post
from mediakiln.model.deadletter import DeadLetter
from mediakiln.model.errors import EngineUnavailable, LeaseLost
from mediakiln.model.ids import new_id
from mediakiln.model.messages import Message
from mediakiln.model.topology import DEAD


class KafkaDelivery:
    """Exactly one of `ack`, `retry` and `bury` ends it."""

    def __init__(
        self,
        post: Post,
        channel: Channel,
        commits: Commits,
        entry: Entry,
        receipt: int,
    ) -> None:
        self._post = post
        self._channel = channel
        self._commits = commits
        self._entry = entry
        self._receipt = receipt
        self._attempt = entry.attempt

    @property
    def message(self) -> Message:
        """What was published."""
        return self._entry.message

    @property
    def attempt(self) -> int:
        """One more than its retries, and than its leases that lapsed in this process."""
        return self._attempt

    async def ack(self) -> None:
        """End it; on return it is committed, unless an earlier message is still being worked on.

        Raises:
            LeaseLost: the lease lapsed or was ended, or the partition went to another process.
            EngineUnavailable: the commit was not answered; the message may come again.
        """
        self._claim()
        await self._finish()

    async def retry(self, delay: float = 0.0) -> None:
        """Publish it anew for this group, after at least `delay` seconds, then end it.

        Raises:
            LeaseLost: as `ack`.
            InvalidRequest: the delay is out of range.
            EngineUnavailable: it was not published; the lease goes on.
        """
        check_delay(delay)
        self._claim()
        try:
            place = (self._channel.topic, self._channel.group)
            await self._post.to_group(*place, [self.message], delay, attempt=self._attempt + 1)
        except BaseException:
            self._unclaim()
            raise
        await self._leave()

    async def extend(self, seconds: float) -> None:
        """Keep the lease for `seconds` from now.

        Raises:
            LeaseLost: as `ack`.
            InvalidRequest: not a positive number of seconds.
        """
        check_lease(seconds)
        with self._channel.lock:
            self._channel.shelf.extend(
                self._entry, self._receipt, now=time.monotonic(), seconds=seconds
            )
        self._channel.bell.ring()

    async def bury(self, reason: str) -> None:
        """Publish it as a `DeadLetter`, then end it.

        Raises:
            LeaseLost: as `ack`.
            NotFound: the topology has no topic for dead letters; the lease goes on.
            EngineUnavailable: as `retry`.
        """
        letter = DeadLetter.of(
            self.message,
            id=new_id(),
            topic=self._channel.topic,
            group=self._channel.group,
            reason=reason,
            attempts=self._attempt,
            at=datetime.now(UTC),
        )
        self._claim()
        try:
            await self._post.to_all(DEAD, [letter.to_message()])
        except BaseException:
            self._unclaim()
            raise
        await self._leave()

    async def _leave(self) -> None:
        # Its successor is published: whether the old one comes again changes nothing now.
        with suppress(LeaseLost, EngineUnavailable):
            await self._finish()

    def _claim(self) -> None:
        with self._channel.lock:
            self._channel.shelf.claim(self._entry, self._receipt, now=time.monotonic())

    def _unclaim(self) -> None:
        with self._channel.lock:
            self._channel.shelf.unclaim(self._entry)
        self._channel.bell.ring()

    async def _finish(self) -> None:
        with self._channel.lock:
            self._channel.shelf.finish(self._entry)
        await self._commits.reach(self._entry.lane, self._entry.offset)
