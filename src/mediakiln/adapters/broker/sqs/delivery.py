"""A message that this process holds for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import ceil

from mediakiln.adapters.broker.checks import check_delay, check_lease
from mediakiln.adapters.broker.sqs.codec import unpack
from mediakiln.adapters.broker.sqs.lease import hidden_for
from mediakiln.adapters.broker.sqs.outbound import Outbound
from mediakiln.adapters.broker.sqs.polls import Receipt
from mediakiln.model.deadletter import DeadLetter
from mediakiln.model.ids import new_id
from mediakiln.model.messages import Message


@dataclass(frozen=True, slots=True)
class Origin:
    """Where deliveries came from, and where their dead letters go."""

    topic: str
    group: str
    url: str
    outbound: Outbound
    publish_dead: Callable[[Message], Awaitable[None]]


class SqsDelivery:
    """A leased message of SQS."""

    def __init__(self, origin: Origin, receipt: Receipt) -> None:
        self._origin = origin
        self._receipt = receipt
        self._lease = receipt.lease
        # An extension on its way must not overtake the end of the delivery.
        self._turn = asyncio.Lock()

    @cached_property
    def message(self) -> Message:
        """What was published."""
        return unpack(self._receipt.raw)

    @property
    def attempt(self) -> int:
        """How often it was received, approximately: polls that were left count too."""
        return int(self._receipt.raw["Attributes"]["ApproximateReceiveCount"])

    async def ack(self) -> None:
        """Delete it.

        Raises:
            LeaseLost: the lease lapsed or was ended.
        """
        await self._end(self._delete)

    async def retry(self, delay: float = 0.0) -> None:
        """Make it visible after at least `delay` seconds.

        Raises:
            LeaseLost: the lease lapsed or was ended.
            InvalidRequest: the delay is out of range.
        """
        check_delay(delay)
        await self._end(lambda: self._hide(ceil(delay)))

    async def extend(self, seconds: float) -> None:
        """Keep the lease for `seconds` from now, up to 12 hours after it was received.

        Raises:
            LeaseLost: the lease lapsed or was ended, or the 12 hours are over.
            InvalidRequest: not a positive number of seconds.
        """
        check_lease(seconds)
        async with self._turn:
            now = time.monotonic()
            self._lease.check(now)
            await self._hide(hidden_for(seconds))
            self._lease.extend(now, seconds)

    async def bury(self, reason: str) -> None:
        """Publish it as a `DeadLetter`, then delete it.

        Raises:
            LeaseLost: the lease lapsed or was ended.
            NotFound: there is no topic for dead letters; the lease goes on.
        """
        await self._end(lambda: self._bury(reason))

    async def _end(self, how: Callable[[], Awaitable[None]]) -> None:
        self._lease.begin_end(time.monotonic())
        try:
            async with self._turn:
                await how()
        except BaseException:
            self._lease.undo_end()
            raise

    async def _bury(self, reason: str) -> None:
        letter = DeadLetter.of(
            self.message,
            id=new_id(),
            topic=self._origin.topic,
            group=self._origin.group,
            reason=reason,
            attempts=self.attempt,
            at=datetime.now(UTC),
        )
        await self._origin.publish_dead(letter.to_message())
        await self._delete()

    async def _delete(self) -> None:
        await self._origin.outbound.delete(self._origin.url, self._receipt.handle)

    async def _hide(self, seconds: int) -> None:
        seconds = self._lease.visibility(time.monotonic(), seconds)
        await self._origin.outbound.hide(self._origin.url, self._receipt.handle, seconds)
