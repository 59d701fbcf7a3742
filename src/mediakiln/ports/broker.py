"""Brokers: topics that fan out to groups, at least once, in no promised order.

A group gets every message published to its topic after `ensure` made it, shared among the
consumers that receive for it. A delivery is leased: unless it is acked, retried, extended or
buried before the lease lapses, another consumer gets the message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mediakiln.model.messages import Message

MAX_DELAY_S = 15 * 60
"""The longest delay every engine can keep (SQS allows 15 minutes)."""


@dataclass(frozen=True, slots=True)
class BrokerCapabilities:
    """What an engine can do; what it cannot it refuses with `NotSupported`."""

    shared: bool
    """Other processes see the same topics."""
    durable: bool
    """A published message survives the loss of power."""
    counts_attempts: bool
    """`Delivery.attempt` counts lapsed leases too, not only `retry`."""
    oldest_age: bool
    """`Backlog.oldest_age_s` is known."""
    fair_shares: bool
    """`receive` takes turns among projects, so that no project's backlog delays another's."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits for a group, approximately."""

    ready: int
    leased: int
    delayed: int
    oldest_age_s: float | None = None


class Delivery(Protocol):
    """A leased message. Exactly one of `ack`, `retry` and `bury` ends it."""

    @property
    def message(self) -> Message:
        """What was published."""
        ...

    @property
    def attempt(self) -> int:
        """1 at first; advice only, since not every engine counts crashes."""
        ...

    async def ack(self) -> None:
        """The work is done; the group will not see the message again.

        Raises:
            LeaseLost: the lease lapsed; another consumer may have it.
        """
        ...

    async def retry(self, delay: float = 0.0) -> None:
        """Give the message back, to be seen again by this group after at least `delay` seconds.

        Raises:
            LeaseLost: as `ack`.
        """
        ...

    async def extend(self, seconds: float) -> None:
        """Keep the lease for `seconds` from now.

        Raises:
            LeaseLost: as `ack`.
        """
        ...

    async def bury(self, reason: str) -> None:
        """Give up: publish the message to `dead` as a `DeadLetter`, then ack it.

        Raises:
            LeaseLost: as `ack`.
        """
        ...


class Broker(Protocol):
    """The must-haves of every engine. Every method may raise `EngineUnavailable`."""

    @property
    def capabilities(self) -> BrokerCapabilities:
        """What this engine can do."""
        ...

    async def ensure(self, topology: Mapping[str, Sequence[str]]) -> None:
        """Make topics and groups that are not there yet. Safe to run again, and in parallel."""
        ...

    async def publish(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        group: str | None = None,
        delay: float = 0.0,
    ) -> None:
        """Publish; on return every message is as durable as the engine makes it.

        With `group`, only that group gets them (retries and replays). `delay` is in seconds,
        "at least", up to `MAX_DELAY_S`.

        Raises:
            NotFound: no such topic, or no such group.
            StorageFull: no space left; nothing was published.
        """
        ...

    async def receive(
        self, topic: str, group: str, *, limit: int, wait: float, lease: float
    ) -> Sequence[Delivery]:
        """Lease up to `limit` messages for `lease` seconds, waiting up to `wait` for the first.

        Raises:
            NotFound: no such topic, or no such group.
        """
        ...

    async def backlog(self, topic: str, group: str) -> Backlog:
        """What waits for the group."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads; leases lapse by themselves."""
        ...
