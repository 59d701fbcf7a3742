"""Forgetting sent events: whoever comes while a deletion is under way shares the next one."""

import asyncio
from collections.abc import Sequence

from mediakiln.adapters.catalog.postgres import statements
from mediakiln.adapters.catalog.postgres.connections import Connection, Connections


class Marks:
    """Gathers the marks of concurrent callers; each returns when its own are deleted."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._waiting: set[tuple[str, str]] = set()
        self._turn = asyncio.Lock()

    async def delete(self, events: Sequence[tuple[str, str]]) -> None:
        """Delete events, each given as (asset id, message id)."""
        self._waiting.update(events)
        async with self._turn:
            # The caller before us may have taken ours with its own.
            marks, self._waiting = sorted(self._waiting), set()
            if not marks:
                return
            try:
                await self._connections.write(lambda connection: _delete(connection, marks))
            except BaseException:
                # Those who wait behind us try again, theirs and ours.
                self._waiting.update(marks)
                raise


async def _delete(connection: Connection, marks: Sequence[tuple[str, str]]) -> None:
    # In order, so that two processes that forget the same events do not lock one another out.
    await connection.execute(
        statements.SENT, [asset for asset, _ in marks], [message for _, message in marks]
    )
