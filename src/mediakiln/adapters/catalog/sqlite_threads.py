"""The threads of one SQLite catalog in this process: readers, and the writer."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import sqlalchemy as sa

from mediakiln.adapters.catalog.sqlite_connection import open_reader
from mediakiln.adapters.catalog.sqlite_jobs import Job, deliver, explain
from mediakiln.adapters.catalog.sqlite_writer import Writer
from mediakiln.model.errors import EngineUnavailable

T = TypeVar("T")


class Threads:
    """Starts threads when they are first needed, and ends them once."""

    def __init__(
        self,
        engine: sa.Engine,
        path: Path,
        *,
        readers: int,
        mark: Callable[[sa.Connection, Sequence[tuple[str, str]]], None],
        purge: Callable[[sa.Connection], bool],
    ) -> None:
        self._start_readers = partial(Readers, engine, path, count=readers)
        self._start_writer = partial(Writer, engine, path, mark=mark, purge=purge)
        self._readers: Readers | None = None
        self._writer: Writer | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def readers(self) -> "Readers":
        """The threads that answer queries.

        Raises:
            EngineUnavailable: closed.
        """
        with self._lock:
            self.check_open()
            self._readers = self._readers or self._start_readers()
            return self._readers

    @property
    def writer(self) -> Writer:
        """The thread that writes.

        Raises:
            EngineUnavailable: closed.
        """
        with self._lock:
            self.check_open()
            self._writer = self._writer or self._start_writer()
            return self._writer

    def check_open(self) -> None:
        """Refuse a call after `close`.

        Raises:
            EngineUnavailable: closed.
        """
        if self._closed:
            raise EngineUnavailable("the catalog is closed")

    def close(self) -> None:
        """Refuse further work, finish what was given, and end the threads."""
        with self._lock:
            self._closed = True
            ending = (self._readers, self._writer)
            self._readers = self._writer = None
        for threads in ending:
            if threads is not None:
                threads.close()


class Readers:
    """A few threads, each with a connection of its own, that answer queries."""

    def __init__(self, engine: sa.Engine, path: Path, *, count: int) -> None:
        self._engine = engine
        self._path = path
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"catalog-read-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def do(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a query in one of the threads."""
        job = Job(work)
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
                job.error = explain(error, self._path)
                if connection is not None and job.error is not error:
                    connection.close()
                    connection = None
            deliver([job])
        if connection is not None:
            connection.close()
