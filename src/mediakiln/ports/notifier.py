"""Notifiers: tell somebody outside that a run ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class NotifierCapabilities:
    """What an engine can do."""

    signed: bool
    """Its receivers can check who sent it."""
    answers: bool
    """`Receipt.status` and `Receipt.answer` are the receiver's own."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One piece of news. `id` stays the same through every retry, so receivers can drop repeats."""

    id: str
    type: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """How the target took it. `answer` is at most 1,000 characters of what it said."""

    status: int | None
    answer: str
    seconds: float


class Notifier(Protocol):
    """A configured target."""

    @property
    def capabilities(self) -> NotifierCapabilities:
        """What this engine can do."""
        ...

    @property
    def target(self) -> str:
        """Where it sends to, with no secret in it: a name for logs and the delivery log."""
        ...

    async def send(self, notification: Notification) -> Receipt:
        """Deliver once; retries are the caller's.

        Raises:
            NotifyFailed: it may work later; `retry_after` (seconds) is in the context if told.
            NotifyRefused: it never will (the target is gone or not allowed).
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
