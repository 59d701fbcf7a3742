"""Who in this process waits for which group, and the thread that wakes them.

It listens to the doorbell and, as the net beneath, asks twice a second whether another connection
committed anything since it last asked: one pragma, whatever the number of groups, and only where
it did a look at each group that somebody waits for.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from mediakiln.adapters.broker.doorbell import Doorbell, Listener
from mediakiln.adapters.broker.sqlite_file import connect, patiently, translated
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable, MediakilnError

T = TypeVar("T")

POLL_S = 0.5
_log = logging.getLogger(__name__)


class Reader:
    """A connection that only reads, for any thread; opened when first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._version = -1
        self._closed = False

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run `query` in the caller's thread.

        Raises:
            EngineUnavailable: the reader was closed, or the file cannot be used.
        """
        with self._lock:
            if self._closed:
                raise EngineUnavailable("this broker was closed")
            connection = self._connection = self._connection or connect(self._path, writes=False)
            try:
                return patiently(lambda: query(connection))
            except sqlite3.Error as error:
                raise translated(error, self._path) from error

    def changed(self) -> bool:
        """Whether another connection committed since this was last asked."""
        (version,) = self.read(lambda c: c.execute("PRAGMA data_version").fetchone())
        seen, self._version = self._version, version
        return bool(seen != version)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()


class Bell:
    """One waiting consumer's bell, of the loop it waits in."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake it, or have its next `wait` return at once. In its loop's thread only."""
        self._rung.set()

    def silence(self) -> None:
        """Forget earlier rings."""
        self._rung.clear()

    async def wait(self, seconds: float) -> None:
        """Sleep until it is rung or `seconds` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()


class Watch:
    """The bells of this process. The thread starts with the first consumer that waits."""

    def __init__(
        self,
        reader: Reader,
        doorbell: Doorbell,
        stirs: Callable[[sqlite3.Connection, int], bool],
    ) -> None:
        """Args: stirs: whether a group has something to receive now."""
        self._stirs = stirs
        self._reader = reader
        self._doorbell = doorbell
        self._lock = threading.Lock()
        self._bells: defaultdict[int, set[Bell]] = defaultdict(set)
        self._rings: Counter[int] = Counter()
        self._looks = 0
        self._thread: threading.Thread | None = None
        self._stopped = False

    @contextmanager
    def waiting(self, group: int) -> Iterator[Bell]:
        """A bell that rings whenever something happens to the group."""
        bell = Bell()
        with self._lock:
            self._start()
            self._bells[group].add(bell)
        try:
            yield bell
        finally:
            with self._lock:
                self._bells[group].discard(bell)

    def mark(self, group: int) -> tuple[int, int]:
        """Stays equal for as long as nothing is known to have happened to the group."""
        with self._lock:
            return self._looks, self._rings[group]

    def wake(self, groups: AbstractSet[int]) -> None:
        """Ring the bells of these groups. From any thread."""
        if not groups:
            return
        with self._lock:
            self._rings.update(groups)
            _ring_all(bell for group in groups for bell in self._bells.get(group, ()))

    def wake_all(self) -> None:
        """Ring every bell. From any thread."""
        with self._lock:
            self._looks += 1
            _ring_all(bell for bells in self._bells.values() for bell in bells)

    def stop(self) -> None:
        """End the thread and wake everybody."""
        with self._lock:
            self._stopped = True
        if self._thread is not None:
            self._doorbell.ring_self()
            self._thread.join()
        self.wake_all()

    def _start(self) -> None:
        if self._thread is None and not self._stopped:
            listener = _opened(self._doorbell)
            self._thread = threading.Thread(
                target=self._serve, args=[listener], name="broker-watch", daemon=True
            )
            self._thread.start()

    def _serve(self, listener: Listener) -> None:
        look_at = 0.0
        while not self._stopped:
            self.wake(listener.listen(max(0.0, look_at - time.monotonic())))
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + POLL_S
                self._look()

    def _look(self) -> None:
        try:
            if self._reader.changed():
                with self._lock:
                    self._looks += 1
                    waited_for = [group for group, bells in self._bells.items() if bells]
                self.wake(self._reader.read(lambda c: {g for g in waited_for if self._stirs(c, g)}))
        except MediakilnError as error:
            # Consumers that wait meet the same error when they next look, and report it.
            _log.warning("cannot look at the broker's file: %s", error)
            self.wake_all()


def _opened(doorbell: Doorbell) -> Listener:
    try:
        return doorbell.open()
    except OSError as error:
        raise EngineMisconfigured(
            f"no socket can be made beside the broker's file: {error}",
            hint="keep the broker's file on a local file system",
        ) from error


def _ring_all(bells: Iterable[Bell]) -> None:
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[Bell]] = defaultdict(list)
    for bell in bells:
        by_loop[bell.loop].append(bell)
    for loop, theirs in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits there
            loop.call_soon_threadsafe(_ring_each, theirs)


def _ring_each(bells: Iterable[Bell]) -> None:
    for bell in bells:
        bell.ring()
