"""What becomes of expired records: nobody reads them, and they are deleted in time."""

import asyncio
import logging
import time

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.postgres import statements
from mediakiln.adapters.catalog.postgres.connections import Connection, Connections
from mediakiln.model.errors import MediakilnError

_log = logging.getLogger(__name__)


class Purge:
    """Deletes expired records, some at a time, beside the writes that make room necessary."""

    EVERY_S = 60.0
    ROWS = 1000

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._last = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Start in the background, if the last time is a while ago."""
        running = self._task is not None and not self._task.done()
        if not running and time.monotonic() - self._last > self.EVERY_S:
            self._last = time.monotonic()
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop one under way; what it left is for the next."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            deleted = self.ROWS
            while deleted == self.ROWS:
                deleted = await self._connections.write(self._delete)
        except MediakilnError as error:
            _log.warning("expired records stay for now: %s", error)

    async def _delete(self, connection: Connection) -> int:
        told: str = await connection.execute(
            statements.RECORD_PURGE, rules.micros(rules.now()), self.ROWS
        )
        return int(told.removeprefix("DELETE "))
