"""What this process holds for one topic and group: entries that are ready, and leases.

A pure structure: the caller passes the time in and keeps other threads out.
"""

import heapq
import itertools
from collections import deque

from mediakiln.adapters.broker.kafka.consume.lane import Entry, Lane, State
from mediakiln.model.errors import LeaseLost


class Shelf:
    """The entries of one topic and group. Times are seconds of one steady clock."""

    def __init__(self) -> None:
        self._ready: deque[Entry] = deque()
        self._receipts = itertools.count(1)
        # A lease that was ended or extended leaves its line behind; `_live` recognises it.
        self._lapses: list[tuple[float, int, Entry]] = []

    def put(self, entry: Entry) -> None:
        """Add a record that was fetched."""
        self._ready.append(entry)

    def take(self, limit: int, *, now: float, lease: float) -> list[tuple[Entry, int]]:
        """Lease up to `limit` entries, oldest first; each with its receipt."""
        self.lapse(now)
        taken: list[tuple[Entry, int]] = []
        kept: list[Entry] = []
        while self._ready and len(taken) < limit:
            entry = self._ready.popleft()
            if entry.lane.leaving:
                kept.append(entry)
                continue
            entry.receipt = next(self._receipts)
            self._lease(entry, now + lease)
            taken.append((entry, entry.receipt))
        self._ready.extendleft(reversed(kept))
        return taken

    def claim(self, entry: Entry, receipt: int, *, now: float) -> None:
        """Begin to end a lease: from now on nobody else can, and it does not lapse.

        Raises:
            LeaseLost: it lapsed, was ended, or its partition went to another process.
        """
        self._check(entry, receipt, now)
        entry.state = State.ENDING

    def finish(self, entry: Entry) -> None:
        """End a claimed lease for good."""
        entry.lane.leases -= 1
        entry.lane.finish(entry)

    def unclaim(self, entry: Entry) -> None:
        """The end failed: the lease goes on as it was."""
        entry.state = State.LEASED
        heapq.heappush(self._lapses, (entry.until, entry.receipt, entry))

    def extend(self, entry: Entry, receipt: int, *, now: float, seconds: float) -> None:
        """Let the lease last for `seconds` from now.

        Raises:
            LeaseLost: as `claim`.
        """
        self._check(entry, receipt, now)
        entry.lane.leases -= 1
        self._lease(entry, now + seconds)

    def drop(self, lane: Lane) -> None:
        """Forget what is ready of a partition that is lost."""
        self._ready = deque(entry for entry in self._ready if entry.lane is not lane)

    def lapse(self, now: float) -> None:
        """Make the entries of lapsed leases ready again, before all others."""
        lapsed: list[Entry] = []
        while (due := self.next_lapse()) is not None and due <= now:
            entry = heapq.heappop(self._lapses)[2]
            entry.state = State.READY
            entry.attempt += 1
            entry.lane.leases -= 1
            lapsed.append(entry)
        self._ready.extendleft(reversed(lapsed))

    def next_lapse(self) -> float | None:
        """When the next lease lapses."""
        while self._lapses and not self._live(self._lapses[0]):
            heapq.heappop(self._lapses)
        return self._lapses[0][0] if self._lapses else None

    def _lease(self, entry: Entry, until: float) -> None:
        entry.state, entry.until = State.LEASED, until
        entry.lane.leases += 1
        heapq.heappush(self._lapses, (until, entry.receipt, entry))

    def _check(self, entry: Entry, receipt: int, now: float) -> None:
        self.lapse(now)
        if entry.lane.lost or entry.receipt != receipt or entry.state is not State.LEASED:
            raise LeaseLost(
                f"the lease on message {entry.message.id} has ended", id=entry.message.id
            )

    @staticmethod
    def _live(line: tuple[float, int, Entry]) -> bool:
        until, receipt, entry = line
        return (
            entry.state is State.LEASED
            and entry.receipt == receipt
            and entry.until == until
            and not entry.lane.lost
        )
