"""The connection to a cluster: the driver's threads behind coroutines.

Each statement is repeated after an outage or a time-out, because each bears it: index rows
carry their time stamps, and lightweight transactions name the version they were made from.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from cassandra import ConsistencyLevel
from cassandra.cluster import ResponseFuture, Session
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement

from mediakiln.adapters.catalog.cassandra.cluster import open_session
from mediakiln.adapters.catalog.cassandra.errors import FAILURES, PASSING, translate
from mediakiln.adapters.catalog.cassandra.target import Target
from mediakiln.model.errors import EngineUnavailable

IN_FLIGHT = 32
"""Requests on the way at once: with more, lightweight transactions time each other out."""
DDL_TIMEOUT_S = 60.0
_PAUSES_S = (0.1, 0.4)
"""How long to wait after a failure, until it is told."""

_T = TypeVar("_T")

Row = Mapping[str, Any]
Command = tuple[str, Sequence[Any]]
"""CQL in which `{ks}` stands for the keyspace, and what is bound to its marks."""


class Link:
    """One session, opened by its first use; opened again where that failed."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._opening = asyncio.Lock()
        self._session: Session | None = None
        self._closed = False
        self._prepared: dict[str, PreparedStatement] = {}
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def session(self) -> Session:
        """The session.

        Raises:
            EngineUnavailable: closed, or no node answers.
            EngineMisconfigured: wrong password, data centre or version.
        """
        async with self._opening:
            if self._closed:
                raise EngineUnavailable("the catalog is closed")
            if self._session is None:
                self._session = await asyncio.to_thread(open_session, self.target)
            return self._session

    async def run(self, cql: str, *params: Any, serial: bool = False) -> list[Row]:
        """Run a statement at QUORUM; a read at SERIAL, if so asked, finishes open writes first."""

        async def send(session: Session) -> list[Row]:
            statement = await self._bind(session, (cql, params))
            if serial:
                statement.consistency_level = ConsistencyLevel.SERIAL
            return await _answer(session.execute_async(statement))

        return await self._repeat(send)

    async def transact(self, *commands: Command, check: Callable[[], None] | None = None) -> bool:
        """Run conditional commands on one partition; whether their conditions held.

        After an unknown outcome it runs again, so that False may also mean that it held before:
        the caller reads the partition and settles. `check` is asked before each attempt, and
        may raise.
        """

        async def send(session: Session) -> bool:
            bound = [await self._bind(session, command) for command in commands]
            statement = bound[0]
            if len(bound) > 1:
                statement = BatchStatement(BatchType.UNLOGGED)
                statement.add_all(bound, [None] * len(bound))
            if check is not None:
                check()
            answer = await _answer(session.execute_async(statement))
            return bool(answer[0]["[applied]"])

        return await self._repeat(send)

    async def define(self, cql: str) -> None:
        """Change the schema, and wait until every node agrees on it."""

        async def send(session: Session) -> None:
            text = cql.replace("{ks}", self.target.keyspace)
            await _answer(session.execute_async(text, timeout=DDL_TIMEOUT_S))

        await self._repeat(send)

    async def close(self) -> None:
        """Let go of the connections; calls that follow are refused."""
        async with self._opening:
            self._closed = True
            session, self._session = self._session, None
            if session is not None:
                await asyncio.to_thread(session.cluster.shutdown)

    async def _repeat(self, send: Callable[[Session], Awaitable[_T]]) -> _T:
        pauses = iter(_PAUSES_S)
        while True:
            session = await self.session()
            try:
                async with self._slots:
                    return await send(session)
            except FAILURES as error:
                pause = next(pauses, None)
                if pause is None or not isinstance(error, PASSING):
                    raise translate(error, self.target) from error
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads retries

    async def _bind(self, session: Session, command: Command) -> BoundStatement:
        cql, params = command
        if cql not in self._prepared:
            text = cql.replace("{ks}", self.target.keyspace)
            async with asyncio.timeout(self.target.timeout_s):  # the driver's own is fixed
                self._prepared[cql] = await asyncio.to_thread(session.prepare, text)
        return self._prepared[cql].bind(params)


async def _answer(future: ResponseFuture) -> list[Row]:
    """Wait for the driver's event thread to tell the outcome."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[Row]] = loop.create_future()

    def settle(rows: list[Row] | None, error: Exception | None) -> None:
        if done.done():  # the caller gave up
            return
        if error is None:
            done.set_result(rows or [])
        else:
            done.set_exception(error)

    def tell(rows: list[Row] | None, error: Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, rows, error)

    future.add_callbacks(lambda rows: tell(rows, None), lambda error: tell(None, error))
    return await done
