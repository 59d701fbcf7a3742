"""What one group of the memory broker still has to do: ready, delayed and leased entries.

A pure structure: the caller passes the time in, so that every rule can be tested without waiting.
"""

import heapq
import itertools
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum

from mediakiln.model.errors import LeaseLost
from mediakiln.model.messages import Message
from mediakiln.ports.broker import Backlog

_SLACK = 256
"""How many lines of entries that moved on are kept before they are swept."""


class State(Enum):
    """Where an entry is."""

    READY = "ready"
    DELAYED = "delayed"
    LEASED = "leased"
    DONE = "done"


@dataclass(slots=True, eq=False)
class Entry:
    """A message as one group sees it."""

    message: Message
    state: State
    at: float
    """Ready since; or, while delayed or leased, when it becomes ready."""
    attempt: int = 0
    receipt: int = 0
    """The lease that may act on it; a new one per delivery."""


class GroupQueue:
    """The entries of one group. Times are seconds of one steady clock."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, deque[Entry]] = OrderedDict()
        # Entries that become ready by themselves. An entry that moved on meanwhile leaves its
        # old line behind; `_stale` recognises it.
        self._due: list[tuple[float, int, int, Entry]] = []
        self._numbers = itertools.count(1)
        self._held = {State.DELAYED: 0, State.LEASED: 0}

    def put(self, message: Message, *, now: float, delay: float) -> None:
        """Add a message, to be ready after `delay` seconds."""
        self._shelve(Entry(message, State.READY, now), now=now, delay=delay)

    def take(self, limit: int, *, now: float, lease: float) -> list[tuple[Entry, int]]:
        """Lease up to `limit` entries, one project after the other; each with its receipt."""
        self._promote(now)
        taken: list[tuple[Entry, int]] = []
        while self._turns and len(taken) < limit:
            project, entries = self._turns.popitem(last=False)
            entry = entries.popleft()
            if entries:
                self._turns[project] = entries
            entry.attempt += 1
            entry.receipt = next(self._numbers)
            self._hold(entry, State.LEASED, now + lease)
            taken.append((entry, entry.receipt))
        return taken

    def end(self, entry: Entry, receipt: int, *, now: float) -> None:
        """Forget a leased entry.

        Raises:
            LeaseLost: the lease lapsed or was ended.
        """
        self._check(entry, receipt, now)
        self._release(entry, State.DONE)

    def retry(self, entry: Entry, receipt: int, *, now: float, delay: float) -> None:
        """Make a leased entry ready after `delay` seconds.

        Raises:
            LeaseLost: the lease lapsed or was ended.
        """
        self._check(entry, receipt, now)
        self._release(entry, State.READY)
        self._shelve(entry, now=now, delay=delay)

    def extend(self, entry: Entry, receipt: int, *, now: float, seconds: float) -> None:
        """Let the lease last for `seconds` from now.

        Raises:
            LeaseLost: the lease lapsed or was ended.
        """
        self._check(entry, receipt, now)
        self._release(entry, State.LEASED)
        self._hold(entry, State.LEASED, now + seconds)

    def next_due(self) -> float | None:
        """When the next held entry becomes ready by itself."""
        while self._due and self._stale(self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def backlog(self, now: float) -> Backlog:
        """Counts of what waits, and how long the oldest has been ready."""
        self._promote(now)
        waiting = [entry.at for entries in self._turns.values() for entry in entries]
        return Backlog(
            ready=len(waiting),
            leased=self._held[State.LEASED],
            delayed=self._held[State.DELAYED],
            oldest_age_s=now - min(waiting) if waiting else None,
        )

    def _check(self, entry: Entry, receipt: int, now: float) -> None:
        leased = entry.state is State.LEASED and entry.receipt == receipt and now < entry.at
        if not leased:
            raise LeaseLost(id=entry.message.id)

    def _shelve(self, entry: Entry, *, now: float, delay: float) -> None:
        if delay > 0:
            self._hold(entry, State.DELAYED, now + delay)
        else:
            self._make_ready(entry, now)

    def _hold(self, entry: Entry, state: State, until: float) -> None:
        entry.state, entry.at = state, until
        self._held[state] += 1
        heapq.heappush(self._due, (until, next(self._numbers), entry.receipt, entry))
        if len(self._due) > _SLACK + 2 * sum(self._held.values()):
            self._due = [line for line in self._due if not self._stale(line)]
            heapq.heapify(self._due)

    def _release(self, entry: Entry, state: State) -> None:
        self._held[entry.state] -= 1
        entry.state = state

    def _promote(self, now: float) -> None:
        while self._due and (self._due[0][0] <= now or self._stale(self._due[0])):
            line = heapq.heappop(self._due)
            if not self._stale(line):
                at, _, _, entry = line
                self._release(entry, State.READY)
                self._make_ready(entry, at)

    def _make_ready(self, entry: Entry, at: float) -> None:
        entry.state, entry.at = State.READY, at
        self._turns.setdefault(entry.message.project, deque()).append(entry)

    @staticmethod
    def _stale(line: tuple[float, int, int, Entry]) -> bool:
        at, _, receipt, entry = line
        held = entry.state is State.DELAYED or entry.state is State.LEASED
        return not held or entry.at != at or entry.receipt != receipt
