"""The threads that talk to SQLite on behalf of event loops."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import sqlalchemy as sa

from mediakiln.adapters.catalog.sqlite_connection import open_reader, open_writer, translate
from mediakiln.model.errors import EngineUnavailable, MediakilnError

T = TypeVar("T")
Work = Callable[[sa.Connection], Any]
"""What a thread is to do with its connection. A write that raises a `MediakilnError` must not
have written anything yet: its neighbours in the transaction are committed."""

_BATCH = 256
_logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Job:
    """Some work, and the future that waits for its result on an event loop."""

    work: Work
    durable: bool = True
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    future: "asyncio.Future[Any]" = field(init=False)
    result: Any = None
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.future = self.loop.create_future()

    def settle(self) -> None:
        """Resolve the future, in the loop's own thread, unless its waiter has gone."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


def _deliver(jobs: Sequence[_Job]) -> None:
    """Wake each event loop once, however many of its jobs are done."""
    for loop in {job.loop for job in jobs}:
        ours = [job for job in jobs if job.loop is loop]
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_settle, ours)


def _settle(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.settle()


class Readers:
    """A few threads, each with a connection of its own, that answer queries."""

    def __init__(self, engine: sa.Engine, path: Path, *, count: int) -> None:
        self._engine = engine
        self._path = path
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"catalog-read-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def do(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a query in one of the threads."""
        job = _Job(work)
        self._jobs.put(job)
        result: T = await job.future
        return result

    def close(self) -> None:
        """End the threads when they have answered what was asked before."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection: sa.Connection | None = None
        while (job := self._jobs.get()) is not None:
            try:
                connection = connection or open_reader(self._engine)
                job.result = job.work(connection)
            except Exception as error:  # noqa: BLE001 - handed to whoever waits
                job.error = _explain(error, self._path)
            _deliver([job])
        if connection is not None:
            connection.close()


class Writer:
    """The one thread of this process that writes.

    What has queued up during a commit shares the next transaction, hence its one fsync. Marks
    are deletions that may be lost: they join the next transaction, or after a moment make one
    that is not synced.
    """

    MARKS_WAIT_S = 0.05
    PURGE_EVERY_S = 60.0

    def __init__(
        self,
        engine: sa.Engine,
        path: Path,
        *,
        mark: Callable[[sa.Connection, Sequence[tuple[str, str]]], None],
        purge: Callable[[sa.Connection], bool],
    ) -> None:
        self._engine = engine
        self._path = path
        self._mark = mark
        self._purge = purge
        self._queue: SimpleQueue[_Job | list[tuple[str, str]] | None] = SimpleQueue()
        self._marks: list[tuple[str, str]] = []
        self._marks_due = 0.0
        self._purged_at = 0.0
        self._connection: sa.Connection | None = None
        self._unmarked = 0
        self._counting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="catalog-write", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[sa.Connection], T], *, durable: bool = True) -> T:
        """Run a write; it is committed, and synced if `durable`, when this returns."""
        job = _Job(work, durable)
        self._queue.put(job)
        result: T = await job.future
        return result

    def mark(self, events: Sequence[tuple[str, str]]) -> None:
        """Have events deleted soon; their loss in a crash is acceptable."""
        with self._counting:
            self._unmarked += len(events)
        self._queue.put(list(events))

    async def flush(self) -> None:
        """Wait until every mark given so far is visible to readers."""
        if self._unmarked:
            await self.do(lambda _: None, durable=False)

    def close(self) -> None:
        """End the thread when everything given to it before is committed."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            jobs, running = self._next()
            if jobs or (self._marks and (not running or time.monotonic() >= self._marks_due)):
                self._commit(jobs)
                _deliver(jobs)
        self._disconnect()

    def _next(self) -> tuple[list[_Job], bool]:
        """What is to be done next, and whether there may be more after it."""
        jobs: list[_Job] = []
        wait = max(0.0, self._marks_due - time.monotonic()) if self._marks else None
        try:
            item = self._queue.get(timeout=wait)
            while item is not None:
                if isinstance(item, _Job):
                    jobs.append(item)
                else:
                    self._note(item)
                if len(jobs) == _BATCH:
                    return jobs, True
                item = self._queue.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _note(self, marks: list[tuple[str, str]]) -> None:
        if not self._marks:
            self._marks_due = time.monotonic() + self.MARKS_WAIT_S
        self._marks += marks

    def _commit(self, jobs: Sequence[_Job]) -> None:
        marks, self._marks = self._marks, []
        try:
            self._transact(jobs, marks)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self._disconnect()
            if len(jobs) > 1 and translate(error, self._path) is None:
                # One of them is at fault: let each stand for itself.
                for job in jobs:
                    self._commit([job])
            else:
                for job in jobs:
                    job.error = _explain(error, self._path)
            if marks:
                # A forgotten mark only makes the relay publish once more.
                _logger.warning("%d events stay in the outbox: %s", len(marks), error)
        with self._counting:
            self._unmarked -= len(marks)

    def _transact(self, jobs: Sequence[_Job], marks: Sequence[tuple[str, str]]) -> None:
        connection = self._connection = self._connection or open_writer(self._engine)
        durable = any(job.durable for job in jobs)
        cursor = connection.connection.cursor()
        cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}").close()
        with connection.begin():
            for job in jobs:
                job.result = job.error = None
                try:
                    job.result = job.work(connection)
                except MediakilnError as error:
                    job.error = error
            if marks:
                self._mark(connection, marks)
            overdue = time.monotonic() - self._purged_at > self.PURGE_EVERY_S
            if durable and overdue and not self._purge(connection):
                self._purged_at = time.monotonic()

    def _disconnect(self) -> None:
        """Drop the connection, so that the next transaction starts on a sound one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                connection.close()


def _explain(error: Exception, path: Path) -> Exception:
    return translate(error, path) or error


def closed() -> EngineUnavailable:
    """The error of a call after `close`."""
    return EngineUnavailable("the catalog is closed")
