"""The one loop of every consuming role: receive, handle, then ack.

Handlers publish before they return, so a message is acked only when its consequences are
durable. A handler may run twice for one message and then changes nothing.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from mediakiln.model.errors import (
    OUTAGES,
    EngineError,
    Leased,
    LeaseLost,
    MediakilnError,
    StorageFull,
)
from mediakiln.model.messages import Message
from mediakiln.ports.broker import MAX_DELAY_S, Broker, Delivery
from mediakiln.roles.listening import Found, Listening
from mediakiln.telemetry import metrics

log = logging.getLogger(__name__)

OUTAGE_PAUSE_S = 60.0
"""The longest pause between two tries while an engine is out."""

STREAK = 8
"""Messages that one topic gets in a row while others may wait."""

Handler = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Policy:
    """How a consumer deals with time and failure."""

    concurrency: int = 8
    lease_s: float = 60.0
    wait_s: float = 20.0
    max_attempts: int = 8
    base_s: float = 1.0
    """The first pause before a retry; each further one is twice as long."""
    drain_s: float = 20.0
    """How long running handlers are waited for after the signal to stop."""

    def pause(self, attempt: int) -> float:
        """Seconds before attempt + 1, with jitter, so that failures do not return in step."""
        most = min(float(MAX_DELAY_S), self.base_s * 2.0 ** min(attempt - 1, 16))
        return most * (0.5 + random.random() / 2)  # noqa: S311 - jitter


class Consumer:
    """Reads topics for one group and hands each message to its topic's handler.

    Of the topics in `slow`, at most `slow_most` handlers run at once, where given: long work
    leaves room for short.
    """

    def __init__(
        self,
        broker: Broker,
        group: str,
        handlers: Mapping[str, Handler],
        policy: Policy,
        *,
        slow: Collection[str] = (),
        slow_most: int | None = None,
    ) -> None:
        self._broker = broker
        self._group = group
        self._handlers = handlers
        self._policy = policy
        self._topics = deque(handlers)
        self._slow = frozenset(slow)
        self._slow_most = policy.concurrency if slow_most is None else slow_most
        self._running: set[asyncio.Task[None]] = set()
        self._slow_running: set[asyncio.Task[None]] = set()
        self._streak = 0
        self._listening = Listening(self._wait_for)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until told to stop, then wait for what is being handled."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self._round(stopping)
        finally:
            stopping.cancel()
            self._start(await self._listening.end())
            await self._drain()

    async def _round(self, stopping: asyncio.Task[bool]) -> None:
        """Wait for a free slot, then for messages, and start their handlers.

        Two topics may answer at once, so there can be a handler more than `concurrency`: a
        message that is held must be worked on, or its lease lapses.
        """
        if self._free() <= 0:
            self._start(await self._listening.end())
        while self._free() <= 0 and not stopping.done():
            await asyncio.wait([*self._running, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            return
        if self._slow_is_full():
            self._start(await self._listening.end(self._slow))
        try:
            self._start(await self._next(stopping))
        except (EngineError, StorageFull) as error:
            log.warning("cannot receive: %s", error, extra={"group": self._group})
            await asyncio.wait([stopping], timeout=self._policy.base_s)

    def _free(self) -> int:
        return self._policy.concurrency - len(self._running)

    def _slow_is_full(self) -> bool:
        return len(self._slow_running) >= self._slow_most

    def _start(self, found: Found) -> None:
        for topic, delivery in found:
            task = asyncio.create_task(self._handle(topic, delivery))
            for running in (self._running, *([self._slow_running] if topic in self._slow else [])):
                running.add(task)
                task.add_done_callback(running.discard)

    async def _next(self, stopping: asyncio.Task[bool]) -> Found:
        """Messages that are there already, else the first that come.

        A topic that had some is looked at first again, since each look costs the engine a write;
        after `STREAK` messages the others are looked at first, so that none starves behind it.
        """
        if self._streak >= STREAK:
            self._topics.rotate(-1)
            looks = [topic for topic in self._topics if topic not in self._listening]
        else:
            looks = [self._topics[0]] if self._streak else []
        closed = self._slow if self._slow_is_full() else frozenset()
        for topic in looks:
            room = self._room(topic)
            if room > 0 and (found := await self._receive(topic, limit=room, wait=0.0)):
                return self._noted(found)
        self._streak = 0
        others = [stopping, *(self._slow_running if closed else ())]
        topics = [topic for topic in self._topics if topic not in closed]
        return self._noted(await self._listening.next(topics, others))

    def _room(self, topic: str) -> int:
        if topic in self._slow:
            return min(self._free(), self._slow_most - len(self._slow_running))
        return self._free()

    def _noted(self, found: Found) -> Found:
        if found:
            topic, _ = found[-1]
            if topic != self._topics[0]:
                self._topics.rotate(-self._topics.index(topic))
                self._streak = 0
            self._streak = self._streak % STREAK + len(found)
        return found

    async def _wait_for(self, topic: str) -> Found:
        return await self._receive(topic, limit=1, wait=self._policy.wait_s)

    async def _receive(self, topic: str, *, limit: int, wait: float) -> Found:
        deliveries = await self._broker.receive(
            topic, self._group, limit=limit, wait=wait, lease=self._policy.lease_s
        )
        return [(topic, delivery) for delivery in deliveries]

    async def _handle(self, topic: str, delivery: Delivery) -> None:
        started = time.monotonic()
        over = asyncio.Event()
        keeper = asyncio.create_task(self._keep_lease(delivery, over))
        try:
            outcome = await self._settle(topic, delivery)
        except LeaseLost:
            outcome = "lease_lost"
        except (EngineError, StorageFull) as error:
            log.warning("left to its lease: %s", error, extra={"topic": topic})
            outcome = "left"
        finally:
            over.set()
            keeper.cancel()
        metrics.MESSAGES.labels(topic, self._group, outcome).inc()
        metrics.HANDLE_SECONDS.labels(topic, self._group).observe(time.monotonic() - started)

    async def _settle(self, topic: str, delivery: Delivery) -> str:
        try:
            await self._handlers[topic](delivery.message)
        except asyncio.CancelledError:
            await asyncio.shield(delivery.retry(0.0))
            raise
        except Leased as error:
            await delivery.retry(min(MAX_DELAY_S, error.context.get("retry_after", 1.0) + 0.5))
            return "leased"
        except LeaseLost:
            raise
        except MediakilnError as error:
            return await self._failed(topic, delivery, error, retryable=error.retryable)
        except Exception as error:
            log.exception("a handler broke", extra=self._where(topic, delivery))
            return await self._failed(topic, delivery, error, retryable=True)
        await delivery.ack()
        return "done"

    async def _failed(
        self, topic: str, delivery: Delivery, error: Exception, *, retryable: bool
    ) -> str:
        reason = f"{getattr(error, 'code', type(error).__name__)}: {error}"
        where = self._where(topic, delivery)
        if isinstance(error, OUTAGES):
            pause = min(OUTAGE_PAUSE_S, self._policy.pause(delivery.attempt))
            log.warning("an outage, retry in %.1f s: %s", pause, reason, extra=where)
            await delivery.retry(pause)
            return "retried"
        if retryable and delivery.attempt < self._policy.max_attempts:
            wait = error.context.get("retry_after") if isinstance(error, MediakilnError) else None
            pause = min(MAX_DELAY_S, max(self._policy.pause(delivery.attempt), float(wait or 0)))
            log.info("retry in %.1f s: %s", pause, reason, extra=where)
            await delivery.retry(pause)
            return "retried"
        log.error("buried: %s", reason, extra=where)
        await delivery.bury(reason)
        return "buried"

    def _where(self, topic: str, delivery: Delivery) -> dict[str, object]:
        return {
            "topic": topic,
            "group": self._group,
            "attempt": delivery.attempt,
            "asset": delivery.message.key,
            "message_id": delivery.message.id,
        }

    async def _keep_lease(self, delivery: Delivery, over: asyncio.Event) -> None:
        # A cancellation that meets the end of a driver's time-out can be lost in it.
        while not over.is_set():
            await asyncio.sleep(self._policy.lease_s / 3)
            try:
                await delivery.extend(self._policy.lease_s)
            except LeaseLost:
                # Another may get the message now. Long work holds a claim on its record, which
                # keeps that other away; short work done twice changes nothing.
                return
            except MediakilnError as error:
                log.warning("a lease was not extended: %s", error)

    async def _drain(self) -> None:
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=self._policy.drain_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
