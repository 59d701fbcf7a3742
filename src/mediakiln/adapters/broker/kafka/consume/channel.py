"""One topic as one group's member reads it: its shelf, its delayed entries, its doorbell."""

import heapq
from threading import Lock

from mediakiln.adapters.broker.kafka.consume.bell import Bell
from mediakiln.adapters.broker.kafka.consume.lane import Entry, Lane, State
from mediakiln.adapters.broker.kafka.consume.shelf import Shelf
from mediakiln.adapters.broker.kafka.names import Road


class Channel:
    """What one process holds of one topic for one group.

    `shelf` and the lanes' fields are shared between the event loop and the polling thread;
    both hold `lock` while they touch them. `bell` rings when something changed.
    """

    def __init__(self, topic: str, group: str, lock: Lock) -> None:
        self.topic = topic
        self.group = group
        self.lock = lock
        self.shelf = Shelf()
        self._later: list[tuple[float, int, Entry]] = []
        self.bell = Bell()

    def put(self, entry: Entry) -> None:
        """Add a record that was fetched; the lock is held."""
        if entry.lane.road is Road.LATER:
            heapq.heappush(self._later, (entry.at, id(entry), entry))
        else:
            self.shelf.put(entry)

    def due(self, now: float) -> list[Entry]:
        """Delayed entries whose time has come; `now` in seconds since 1970."""
        found: list[Entry] = []
        with self.lock:
            while self._later and self._later[0][0] <= now:
                entry = heapq.heappop(self._later)[2]
                if not entry.lane.lost:
                    entry.state = State.ENDING
                    found.append(entry)
        return found

    def postpone(self, entries: list[Entry], until: float) -> None:
        """Try entries again that could not be moved."""
        with self.lock:
            for entry in entries:
                heapq.heappush(self._later, (until, id(entry), entry))

    def next_due(self) -> float | None:
        """When the next delayed entry is due, in seconds since 1970."""
        with self.lock:
            return self._later[0][0] if self._later else None

    def drop(self, lane: Lane) -> None:
        """A partition is lost; the lock is held."""
        self.shelf.drop(lane)
        self._later = [line for line in self._later if line[2].lane is not lane]
        heapq.heapify(self._later)
