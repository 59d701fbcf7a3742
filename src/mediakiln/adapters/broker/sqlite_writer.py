"""One thread per process writes: it commits whatever piled up while it committed (group commit).

A commit costs a flush to the disk, whether it holds one operation or hundreds.
"""

import asyncio
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from mediakiln.adapters.broker.sqlite_file import connect, patiently, primary, translated
from mediakiln.adapters.broker.sqlite_queue import Transaction
from mediakiln.model.errors import EngineUnavailable, MediakilnError

T = TypeVar("T")

_BATCH = 512
_TIDY_EVERY = 32
_TIDY_PAGES = 2048
_SPARE_PAGES = 4096
_BROKEN = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""After these a new connection may work where the old one never will."""


@dataclass(slots=True, eq=False)
class Work(Generic[T]):
    """An operation for the writer, and what becomes of its result."""

    run: Callable[[Transaction], T]
    durable: bool = True
    """Whether its commit must be on the disk before its result is told."""
    glance: Callable[[sqlite3.Connection], T | None] | None = None
    """Its result where that needs no transaction."""
    undo: Callable[[T], None] | None = None
    """Called with a result that nobody waits for any more."""
    future: asyncio.Future[T] | None = None


_Outcome = tuple[Work[Any], Any, BaseException | None]


class Writer:
    """Commits `Work` in batches. `committed` is called, in its thread, with the groups concerned.

    Errors that SQLite reports are translated; where a batch fails, each operation is tried alone,
    so that it fails by its own fault only.
    """

    def __init__(self, path: Path, committed: Callable[[AbstractSet[int]], None]) -> None:
        self._path = path
        self._committed = committed
        self._inbox: queue.SimpleQueue[Work[Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stopped = False
        self._connection: sqlite3.Connection | None = None
        self._durable = True
        self._batches = 0
        self._thread = threading.Thread(target=self._serve, name="broker-writer", daemon=True)
        self._thread.start()

    async def do(self, work: Work[T]) -> T:
        """Have it committed; the result.

        Raises:
            EngineUnavailable: the writer was stopped, or the file cannot be used.
            StorageFull: no space left; nothing was changed.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        work.future = future
        self.submit(work)
        try:
            return await future
        except asyncio.CancelledError:
            # The result may have come in the very turn of the loop that cancelled us.
            if future.done() and not future.cancelled() and future.exception() is None:
                _undo(work, future.result())
            raise

    def submit(self, work: Work[Any]) -> None:
        """Have it committed some time soon.

        Raises:
            EngineUnavailable: the writer was stopped.
        """
        with self._lock:
            if self._stopped:
                raise EngineUnavailable("this broker was closed")
            self._inbox.put(work)

    def stop(self) -> None:
        """Commit what was submitted, close the connection and end the thread."""
        with self._lock:
            self._stopped = True
            self._inbox.put(None)
        self._thread.join()

    def _serve(self) -> None:
        open_for_work = True
        while open_for_work:
            batch = [self._inbox.get()]
            while len(batch) < _BATCH and not self._inbox.empty():
                batch.append(self._inbox.get())
            open_for_work = None not in batch
            works = [work for work in batch if work is not None and _wanted(work)]
            if works:
                _deliver(self._process(works))
        if self._connection is not None:
            self._connection.close()

    def _process(self, works: Sequence[Work[Any]]) -> list[_Outcome]:
        try:
            if self._connection is None:
                self._connection = connect(self._path, writes=True)
                self._durable = True
        except MediakilnError as error:
            return [(work, None, error) for work in works]
        try:
            connection = self._connection
            done, rest = patiently(lambda: _glanced(connection, works))
            return done + self._transact(connection, rest) if rest else done
        except Exception as error:  # noqa: BLE001 - whatever it is, its submitter is told
            self._recover(self._connection, error)
            if len(works) > 1:
                return [outcome for work in works for outcome in self._process([work])]
            return [(works[0], None, self._told(error))]

    def _transact(
        self, connection: sqlite3.Connection, works: Sequence[Work[Any]]
    ) -> list[_Outcome]:
        self._be_durable(connection, any(work.durable for work in works))
        patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
        tx = Transaction(connection)
        outcomes = [_outcome(work, tx) for work in works]
        connection.execute("COMMIT")
        self._committed(tx.touched)
        self._tidy(connection)
        return outcomes

    def _recover(self, connection: sqlite3.Connection, error: Exception) -> None:
        with suppress(sqlite3.Error):  # a broken connection is closed below
            connection.rollback()
        if not isinstance(error, sqlite3.Error):
            return
        if primary(error) == sqlite3.SQLITE_FULL:
            # The log may hold what fits into pages the file already has: then acks go on.
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        elif primary(error) in _BROKEN:
            connection.close()
            self._connection = None

    def _told(self, error: Exception) -> Exception:
        if not isinstance(error, sqlite3.Error):
            return error
        translation = translated(error, self._path)
        translation.__cause__ = error
        return translation

    def _be_durable(self, connection: sqlite3.Connection, durable: bool) -> None:
        # A lease that a loss of power forgets is a lease that lapsed: its commit need not wait
        # for the disk. The next durable commit flushes the log as a whole, and it with it.
        if durable != self._durable:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _tidy(self, connection: sqlite3.Connection) -> None:
        """Give back to the file system, bit by bit, what a backlog left behind."""
        self._batches += 1
        if self._batches % _TIDY_EVERY:
            return
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        if free > max(_SPARE_PAGES, pages // 2):
            # `execute` would step it once, and a step gives back one page.
            connection.executescript(f"PRAGMA incremental_vacuum({_TIDY_PAGES})")


def _wanted(work: Work[Any]) -> bool:
    # A claim whose consumer went away is not begun; other operations were promised.
    return work.undo is None or work.future is None or not work.future.cancelled()


def _glanced(
    connection: sqlite3.Connection, works: Sequence[Work[Any]]
) -> tuple[list[_Outcome], list[Work[Any]]]:
    done: list[_Outcome] = []
    rest: list[Work[Any]] = []
    for work in works:
        result = work.glance(connection) if work.glance else None
        if result is None:
            rest.append(work)
        else:
            done.append((work, result, None))
    return done, rest


def _outcome(work: Work[Any], tx: Transaction) -> _Outcome:
    try:
        return work, work.run(tx), None
    except MediakilnError as error:
        return work, None, error


def _deliver(outcomes: Sequence[_Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = defaultdict(list)
    for outcome in outcomes:
        future = outcome[0].future
        if future is not None:
            by_loop[future.get_loop()].append(outcome)
    for loop, theirs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, theirs)
        except RuntimeError:  # the loop was closed
            for work, result, error in theirs:
                if error is None:
                    _undo(work, result)


def _resolve(outcomes: Sequence[_Outcome]) -> None:
    for work, result, error in outcomes:
        if work.future is None or work.future.done():
            if error is None:
                _undo(work, result)
        elif error is None:
            work.future.set_result(result)
        else:
            work.future.set_exception(error)


def _undo(work: Work[T], result: T) -> None:
    if work.undo is not None:
        work.undo(result)
