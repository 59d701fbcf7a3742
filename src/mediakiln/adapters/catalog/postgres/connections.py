"""The pool of connections, and what becomes of work whose connection breaks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from mediakiln.adapters.catalog.postgres.errors import (
    is_cut,
    is_lost,
    is_read_only,
    is_undone,
    translate,
)
from mediakiln.adapters.catalog.postgres.options import Options
from mediakiln.model.errors import EngineUnavailable

T = TypeVar("T")
Connection = Any
"""An `asyncpg.Connection`: the driver ships no types."""
Work = Callable[[Connection], Awaitable[T]]

_TRIES = 5
_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
_ANSWER_S = 1.0
"""The server ends a slow statement by itself; only one that is silent meets our own limit."""
_CLOSE_S = 5.0
_SETTINGS = {
    "jit": "off",
    # Every statement walks its index, in order. Otherwise a plan that was made while a table was
    # empty reads all of it when it is not.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
_DURABLY = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)


class Connections:
    """Up to `pool` connections, made as they are needed and let go after five idle minutes."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pool: Any = None
        self._closed = False
        self._has_written = False

    async def read(self, work: Work[T]) -> T:
        """Do what changes nothing; again on another connection where one breaks."""
        return await self._run(work, repeatable=True, until_known=False)

    async def write(self, work: Work[T], *, repeatable: bool = True) -> T:
        """Do what changes something, in one statement that stands for itself.

        When a connection breaks, nobody knows whether the server had done the work. `repeatable`
        work tells by itself whether it was done, so it is done again until there is an answer,
        for as long as a statement may take. Other work is left unknown.

        Raises:
            EngineUnavailable: no server, or none that answered in time.
        """
        done = await self._run(work, repeatable=repeatable, until_known=True)
        self._has_written = True
        return done

    async def use(self, work: Work[T], *, timeout: float) -> T:
        """Do something on a connection of its own, whose statements may take that many seconds."""
        self._check_open()
        try:
            connection = await self._connect(timeout=timeout)
            try:
                return await work(connection)
            finally:
                connection.terminate()
        except Exception as error:
            raise self._explained(error) from error

    async def close(self) -> None:
        """Wait a moment for work under way, then end every connection."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), _CLOSE_S)
        except TimeoutError:
            pool.terminate()

    async def _run(self, work: Work[T], *, repeatable: bool, until_known: bool) -> T:
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + self._options.timeout
        unknown, tries = False, 0
        while True:
            tries += 1
            try:
                async with self._acquired() as connection:
                    return await work(connection)
            except _NotBegunError as failure:
                error = failure.reason
                again = (unknown and until_known) or (is_cut(error) and tries < _TRIES)
            except Exception as failure:  # noqa: BLE001 - explained below, if it is the engine's
                error, lost = failure, is_lost(failure)
                unknown = unknown or lost
                again = (lost and repeatable) or (is_undone(failure) and tries < _TRIES)
            if not again or clock() > give_up_at:
                raise self._explained(error) from error
            await asyncio.sleep(min(_PAUSE_S * 2**tries, _LONGEST_PAUSE_S))

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        self._check_open()
        try:
            pool = await self._open_pool()
            connection = await pool.acquire(timeout=self._options.connect_timeout)
        except Exception as error:
            raise _NotBegunError(self._told_if_busy(error)) from error
        try:
            yield connection
        except Exception as error:
            if is_lost(error) or is_read_only(error):
                connection.terminate()
            raise
        finally:
            await pool.release(connection)

    async def _open_pool(self) -> Any:
        # Not at construction, when there may be no event loop yet.
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                min_size=0,
                max_size=self._options.pool,
                connect=self._join,
                reset=_as_it_is,
            )
        return self._pool

    def _told_if_busy(self, error: Exception) -> Exception:
        if not isinstance(error, TimeoutError) or self._pool.get_size() < self._options.pool:
            return error
        return EngineUnavailable(
            f"all {self._options.pool} connections to the catalog are busy",
            url=self._options.where,
            hint="raise `pool` in MEDIAKILN_CATALOG, or see what they wait for at the server",
        )

    async def _join(self, *_: Any, **of_pool: Any) -> Connection:
        return await self._connect(self._options.timeout, **of_pool)

    async def _connect(self, timeout: float, **of_pool: Any) -> Connection:
        options = self._options
        connection = await asyncpg.connect(
            options.dsn,
            timeout=options.connect_timeout,
            command_timeout=timeout + _ANSWER_S,
            server_settings={
                "application_name": options.application_name,
                "search_path": options.schema,
                "statement_timeout": str(round(timeout * 1000)),
                **_SETTINGS,
            },
            **of_pool,
        )
        try:
            # An acknowledged write is on the disk, even where the server's default is otherwise.
            await connection.execute(_DURABLY)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _explained(self, error: Exception) -> Exception:
        if is_read_only(error) and self._has_written:
            # It took writes before, so another server is taking over: one that may be found soon.
            return EngineUnavailable(
                f"the catalog's server has become read-only: {error}",
                url=self._options.where,
                hint="wait for the new primary; name all hosts, or an address that follows it",
            )
        return translate(error, self._options.where) or error

    def _check_open(self) -> None:
        if self._closed:
            raise EngineUnavailable("the catalog is closed")


class _NotBegunError(Exception):
    """There was no connection, so the work was not begun."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


async def _as_it_is(_: Connection) -> None:
    """Statements that stand for themselves leave nothing in a session to be undone."""
