"""Records and events as rows, and the statements on them as functions of a connection."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.postgres import statements
from mediakiln.adapters.catalog.postgres.connections import Connection
from mediakiln.adapters.catalog.schema import SHARDS
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineError, NotFound
from mediakiln.model.messages import Message
from mediakiln.ports.catalog import Outgoing, Pending


def create(asset: Asset, events: Sequence[Outgoing]) -> Callable[[Connection], Awaitable[Asset]]:
    """Insert a record at version 1 with its events."""
    rules.check_events(events)
    written = asset.model_copy(update={"version": 1})
    sql = statements.INSERT_WITH_EVENTS if events else statements.INSERT
    values = [*_row(written), *_columns(events)]

    async def work(connection: Connection) -> Asset:
        if await connection.fetchval(sql, *values) is not None:
            return written
        stored = await get(connection, asset.id)
        if stored is None:
            raise EngineError("a record stood in an insert's way and is gone", asset=asset.id)
        return rules.settle_create(stored, asset)

    return work


def update(
    asset: Asset, expected: int, events: Sequence[Outgoing]
) -> Callable[[Connection], Awaitable[Asset]]:
    """Replace a record, if its version is the expected one, and add its events."""
    rules.check_events(events)
    written = asset.model_copy(update={"version": expected + 1})
    sql = statements.UPDATE_WITH_EVENTS if events else statements.UPDATE
    values = [*_row(written), *_columns(events)]

    async def work(connection: Connection) -> Asset:
        if await connection.fetchval(sql, *values) is not None:
            return written
        stored = await get(connection, asset.id)
        if stored is None:
            raise NotFound(f"there is no asset {asset.id}", asset=asset.id)
        return rules.settle_update(stored, asset, expected)

    return work


async def get(connection: Connection, id: str) -> Asset | None:
    """One record."""
    body = await connection.fetchval(statements.GET, id)
    return None if body is None else rules.decode(body)


def pending(row: Any) -> Pending:
    """A row of the outbox as the relay sees it."""
    return Pending(
        asset=row["asset"],
        topic=row["topic"],
        message=Message(
            id=row["message"], key=row["key"], project=row["project"], body=row["body"]
        ),
        delay=row["delay"],
        created_at=rules.moment(row["created_at"]),
    )


def _row(asset: Asset) -> tuple[Any, ...]:
    """A record in the order of the columns in `statements`."""
    body = rules.encode(asset)
    return (
        asset.id,
        asset.project,
        asset.state.value,
        None if asset.kind is None else asset.kind.value,
        rules.micros(asset.created_at),
        rules.micros(asset.updated_at),
        None if asset.due_at is None else rules.micros(asset.due_at),
        rules.shard_of(asset.id, SHARDS),
        asset.version,
        asset.mutation_id,
        body,
    )


def _columns(events: Sequence[Outgoing]) -> tuple[Any, ...]:
    """Events as one array per column, so that any number of them goes in one statement."""
    if not events:
        return ()
    return (
        rules.micros(rules.now()),
        [event.message.id for event in events],
        [event.topic for event in events],
        [event.message.key for event in events],
        [event.message.project for event in events],
        [float(event.delay) for event in events],
        [event.message.body for event in events],
    )
