"""The one thread of a process that writes to SQLite."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

import sqlalchemy as sa

from mediakiln.adapters.catalog.sqlite_connection import open_writer, translate
from mediakiln.adapters.catalog.sqlite_jobs import Job, deliver, explain
from mediakiln.model.errors import MediakilnError

T = TypeVar("T")

_BATCH = 256
_logger = logging.getLogger(__name__)


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
        self._queue: SimpleQueue[Job | list[tuple[str, str]] | None] = SimpleQueue()
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
        job = Job(work, durable)
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
                deliver(jobs)
        self._disconnect()

    def _next(self) -> tuple[list[Job], bool]:
        """What is to be done next, and whether there may be more after it."""
        jobs: list[Job] = []
        wait = max(0.0, self._marks_due - time.monotonic()) if self._marks else None
        try:
            item = self._queue.get(timeout=wait)
            while item is not None:
                if isinstance(item, Job):
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

    def _commit(self, jobs: Sequence[Job]) -> None:
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
                    job.error = explain(error, self._path)
            if marks:
                # A forgotten mark only makes the relay publish once more.
                _logger.warning("%d events stay in the outbox: %s", len(marks), error)
        with self._counting:
            self._unmarked -= len(marks)

    def _transact(self, jobs: Sequence[Job], marks: Sequence[tuple[str, str]]) -> None:
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
