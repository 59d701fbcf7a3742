"""Long polls of one queue, of which a receiver may let go at any moment without loss.

SQS may hand a message to a poll whose caller has gone, and hides it from others. So a poll is never
broken off: one that its receiver left goes on, and the next receiver takes it over. What it brings
while nobody wants it is made visible at once. And since nobody can be asked to wait for a process
that was killed, a long poll hides what it brings for moments only; the lease proper begins when
the message has arrived.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from mediakiln.adapters.broker.sqs.api import Api
from mediakiln.adapters.broker.sqs.lease import Lease, hidden_for
from mediakiln.model.errors import EngineUnavailable, MediakilnError

_LARGEST = 10
"""Messages that one ReceiveMessage brings at most."""
_GRAIN_S = 0.05
"""What a wait may lack to a whole second and still count as one."""
_ARRIVAL_S = 10.0
"""How long a message stays hidden on its way out of a long poll."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message as it came, and its lease."""

    raw: Mapping[str, Any]
    lease: Lease

    @property
    def handle(self) -> str:
        """What SQS knows this receive by."""
        return str(self.raw["ReceiptHandle"])


Hide = Callable[[Receipt, int], Awaitable[None]]
"""Keep a message from others for whole seconds; 0 shows it at once."""


@dataclass(eq=False, slots=True)
class _Poll:
    lease_s: float
    task: asyncio.Task[list[Receipt]] = field(init=False)


class Polls:
    """The polls of the queue at `url`."""

    def __init__(self, api: Api, url: str, hide: Hide) -> None:
        self._api = api
        self._url = url
        self._hide = hide
        self._running: set[asyncio.Task[list[Receipt]]] = set()
        self._left: list[_Poll] = []
        self._returning: set[asyncio.Future[None]] = set()

    async def take(self, limit: int, wait: float, lease: float) -> Sequence[Receipt]:
        """Up to `limit` messages, or none after about `wait` seconds, 20 at most.

        Raises:
            EngineUnavailable: the service cannot be reached, or the broker was closed.
            NotFound: there is no such queue.
        """
        poll = self._taken_over(lease) if wait > 0 else None
        if poll is None:
            poll = self._begun(limit, wait, lease)
        try:
            # SQS waits in whole seconds. Where less is left, the poll is left to the next receiver.
            done, _ = await asyncio.wait({poll.task}, timeout=wait if 0 < wait < 1 else None)
        except asyncio.CancelledError:
            self._leave(poll)
            raise
        if not done:
            self._leave(poll)
            return []
        if poll.task.cancelled():
            raise EngineUnavailable("this broker was closed")
        receipts = poll.task.result()
        self._return(receipts[limit:])
        return receipts[:limit]

    async def close(self, patience: float) -> None:
        """Break polls off; what one brings at this very moment comes back after some seconds."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._returning:
            await asyncio.wait(self._returning, timeout=patience)

    def _taken_over(self, lease: float) -> _Poll | None:
        for poll in self._left:
            if poll.lease_s == lease:
                self._left.remove(poll)
                return poll
        return None

    def _begun(self, limit: int, wait: float, lease: float) -> _Poll:
        poll = _Poll(lease)
        poll.task = asyncio.create_task(self._receive(limit, wait, lease))
        self._running.add(poll.task)
        poll.task.add_done_callback(self._running.discard)
        return poll

    async def _receive(self, limit: int, wait: float, lease: float) -> list[Receipt]:
        first = min(lease, _ARRIVAL_S) if wait > 0 else lease
        answer = await self._api.poll(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(limit, _LARGEST),
            WaitTimeSeconds=0 if wait <= 0 else max(1, int(wait + _GRAIN_S)),
            VisibilityTimeout=hidden_for(first),
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
            MessageAttributeNames=["All"],
        )
        now = time.monotonic()
        receipts = [Receipt(raw, Lease(now, lease)) for raw in answer.get("Messages") or ()]
        return receipts if first == lease else await self._leased(receipts, lease)

    async def _leased(self, receipts: Sequence[Receipt], lease: float) -> list[Receipt]:
        """Those whose lease could be made as long as was asked for; the others come again soon."""
        ask = hidden_for(lease)
        calls = (self._hide(receipt, ask) for receipt in receipts)
        results = await asyncio.gather(*calls, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, MediakilnError):
                raise result
        pairs = zip(receipts, results, strict=True)
        return [receipt for receipt, result in pairs if result is None]

    def _leave(self, poll: _Poll) -> None:
        self._left.append(poll)
        poll.task.add_done_callback(lambda _: self._ended(poll))

    def _ended(self, poll: _Poll) -> None:
        """A poll that was left has ended; unless it was taken over, its messages go back."""
        if poll not in self._left:
            return
        self._left.remove(poll)
        if not poll.task.cancelled() and poll.task.exception() is None:
            self._return(poll.task.result())

    def _return(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            task = asyncio.ensure_future(self._returned(receipt))
            self._returning.add(task)
            task.add_done_callback(self._returning.discard)

    async def _returned(self, receipt: Receipt) -> None:
        with suppress(MediakilnError):  # it comes back by itself, when its lease lapses
            await self._hide(receipt, 0)
