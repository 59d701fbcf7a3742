"""Forgetting sent events: whoever comes while a deletion is under way shares the next one."""

import asyncio
from collections.abc import Sequence

from mediakiln.adapters.catalog.postgres import statements
from mediakiln.adapters.catalog.postgres.connections import Connection, Connections


class Marks:
    """Gathers the marks of concurrent callers; all who share a deletion share its outcome."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._gathered: set[tuple[str, str]] = set()
        self._next: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def delete(self, events: Sequence[tuple[str, str]]) -> None:
        """Delete events, each given as (asset id, message id)."""
        self._gathered.update(events)
        if self._next is None:
            self._next = asyncio.create_task(self._delete_gathered())
        await asyncio.shield(self._next)

    async def _delete_gathered(self) -> None:
        async with self._turn:
            # In order, so that processes that forget the same events do not lock one another out.
            marks = sorted(self._gathered)
            self._gathered, self._next = set(), None
            assets, messages = [asset for asset, _ in marks], [message for _, message in marks]

            async def work(connection: Connection) -> None:
                await connection.execute(statements.SENT, assets, messages)

            await self._connections.write(work)
