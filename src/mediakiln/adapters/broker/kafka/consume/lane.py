"""One assigned partition: which of its records are still open, how far it may be committed."""

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum

from mediakiln.adapters.broker.kafka.names import Road
from mediakiln.model.messages import Message

MOST_BYTES = 8 * 1024 * 1024
"""Bodies held of one partition, however few messages that is."""


class State(Enum):
    """Where an entry is."""

    READY = "ready"
    LEASED = "leased"
    ENDING = "ending"
    DONE = "done"


@dataclass(slots=True, eq=False)
class Entry:
    """A record that this process holds and has not finished."""

    lane: "Lane"
    offset: int
    message: Message
    attempt: int
    at: float
    """Published at, or due at, in seconds since 1970."""
    state: State = State.READY
    receipt: int = 0
    """The lease that may act on it; a new one per delivery."""
    until: float = 0.0
    """When the lease lapses, on the steady clock."""


@dataclass(slots=True, eq=False)
class Lane:
    """The records of one partition between the committed offset and the next one to fetch.

    Records finish in any order; `settled` is the end of the prefix in which all have.
    """

    name: str
    """The Kafka topic."""
    number: int
    topic: str
    road: Road
    position: int
    """The next offset to come."""
    committed: int = field(init=False)
    open: OrderedDict[int, Entry] = field(default_factory=OrderedDict)
    leases: int = 0
    size: int = 0
    lost: bool = False
    """The partition is another member's now."""
    leaving: bool = False
    """It is about to be: nothing more is handed out."""
    paused: bool = False

    def __post_init__(self) -> None:
        self.committed = self.position

    @property
    def settled(self) -> int:
        """The offset to commit: every record before it is finished."""
        return next(iter(self.open), self.position)

    def add(self, entry: Entry) -> None:
        """A record was fetched."""
        self.open[entry.offset] = entry
        self.position = entry.offset + 1
        self.size += len(entry.message.body)

    def finish(self, entry: Entry) -> None:
        """The record needs no more work."""
        entry.state = State.DONE
        if self.open.pop(entry.offset, None) is not None:
            self.size -= len(entry.message.body)

    def full(self, most: int) -> bool:
        """Whether no more is to be fetched for now."""
        return len(self.open) >= most or self.size >= MOST_BYTES

    def has_room(self, most: int) -> bool:
        """Whether fetching is worth being taken up again.

        At half the bound, since the client throws away what it had fetched when it is paused.
        """
        return len(self.open) <= most // 2 and self.size <= MOST_BYTES // 2
