"""The statements on assets and their outbox, each a function of a connection.

Statements are built once; SQLAlchemy caches their compiled form by their structure.
"""

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.schema import SHARDS, assets, outbox
from mediakiln.model.asset import Asset
from mediakiln.model.errors import NotFound
from mediakiln.model.messages import Message
from mediakiln.ports.catalog import Outgoing, Pending

_b = sa.bindparam

_INSERT = insert(assets).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
_UPDATE = (
    sa.update(assets)
    .where(
        assets.c.id == _b("its_id"),
        assets.c.version == _b("expected"),
        assets.c.project == _b("its_project"),
        assets.c.created_at == _b("its_created_at"),
    )
    .values(
        {
            name: _b(name)
            for name in ("state", "kind", "updated_at", "due_at", "version", "mutation_id", "body")
        }
    )
)
_GET = sa.select(assets.c.body).where(assets.c.id == _b("id"))
_ids = sa.func.json_each(_b("ids")).table_valued("value")
_GET_MANY = sa.select(assets.c.id, assets.c.body).where(assets.c.id.in_(sa.select(_ids.c.value)))
_DUE = (
    sa.select(assets.c.body)
    .where(assets.c.shard == _b("shard"), assets.c.due_at < _b("before"))
    .order_by(assets.c.due_at, assets.c.id)
    .limit(_b("limit"))
)
_INSERT_EVENT = insert(outbox).on_conflict_do_nothing()
_OUTBOX = (
    sa.select(
        outbox.c.asset,
        outbox.c.topic,
        outbox.c.message,
        outbox.c.key,
        outbox.c.project,
        outbox.c.body,
        outbox.c.delay,
        outbox.c.created_at,
    )
    .where(outbox.c.shard == _b("shard"), outbox.c.created_at < _b("before"))
    .order_by(outbox.c.seq)
    .limit(_b("limit"))
)
_SENT = sa.delete(outbox).where(
    outbox.c.asset == _b("its_asset"), outbox.c.message == _b("its_message")
)


@functools.cache
def list_statement(*, state: bool, kind: bool, after: bool) -> sa.Select[Any]:
    """A page of a project's assets, newest first; each combination of filters has its index."""
    wanted = [assets.c.project == _b("project")]
    if state:
        wanted.append(assets.c.state == _b("state"))
    if kind:
        wanted.append(assets.c.kind == _b("kind"))
    if after:
        position = sa.tuple_(_b("created_at", type_=sa.BigInteger), _b("id", type_=sa.Text))
        wanted.append(sa.tuple_(assets.c.created_at, assets.c.id) < position)
    return (
        sa.select(assets.c.body)
        .where(*wanted)
        .order_by(assets.c.created_at.desc(), assets.c.id.desc())
        .limit(_b("limit"))
    )


def create(asset: Asset, events: Sequence[Outgoing]) -> Callable[[sa.Connection], Asset]:
    """Insert a record at version 1 with its events."""
    rules.check_events(events)
    written = asset.model_copy(update={"version": 1})
    row = _row(written)

    def work(connection: sa.Connection) -> Asset:
        if connection.execute(_INSERT, row).rowcount == 0:
            stored = get(connection, asset.id)
            assert stored is not None  # noqa: S101 - it stood in the insert's way
            return rules.settle_create(stored, asset)
        _keep(connection, row, events)
        return written

    return work


def update(
    asset: Asset, expected: int, events: Sequence[Outgoing]
) -> Callable[[sa.Connection], Asset]:
    """Replace a record, if its version is the expected one, and add its events."""
    rules.check_events(events)
    written = asset.model_copy(update={"version": expected + 1})
    row = _row(written)
    params = row | {
        "expected": expected,
        "its_id": row["id"],
        "its_project": row["project"],
        "its_created_at": row["created_at"],
    }

    def work(connection: sa.Connection) -> Asset:
        if connection.execute(_UPDATE, params).rowcount == 0:
            stored = get(connection, asset.id)
            if stored is None:
                raise NotFound(f"there is no asset {asset.id}", asset=asset.id)
            return rules.settle_update(stored, asset, expected)
        _keep(connection, row, events)
        return written

    return work


def get(connection: sa.Connection, id: str) -> Asset | None:
    """One record."""
    body = connection.execute(_GET, {"id": id}).scalar()
    return None if body is None else rules.decode(body)


def get_many(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Asset]:
    """The records there are."""
    rows = connection.execute(_GET_MANY, {"ids": json.dumps(list(ids))})
    return {id: rules.decode(body) for id, body in rows}


def page(connection: sa.Connection, statement: sa.Select[Any], params: Any) -> list[Asset]:
    """The records a `list_statement` finds."""
    return [rules.decode(body) for body in connection.execute(statement, params).scalars()]


def due(connection: sa.Connection, shard: int, before: int, limit: int) -> list[Asset]:
    """A shard's records that are due, the longest due first."""
    params = {"shard": shard, "before": before, "limit": limit}
    return [rules.decode(body) for body in connection.execute(_DUE, params).scalars()]


def pending(connection: sa.Connection, shard: int, before: int, limit: int) -> list[Pending]:
    """A shard's events, in the order in which they were committed."""
    params = {"shard": shard, "before": before, "limit": limit}
    return [
        Pending(
            asset=row.asset,
            topic=row.topic,
            message=Message(id=row.message, key=row.key, project=row.project, body=row.body),
            delay=row.delay,
            created_at=rules.moment(row.created_at),
        )
        for row in connection.execute(_OUTBOX, params)
    ]


def forget(connection: sa.Connection, events: Sequence[tuple[str, str]]) -> None:
    """Delete events that were sent."""
    marks = [{"its_asset": asset, "its_message": message} for asset, message in events]
    connection.execute(_SENT, marks)


def _row(asset: Asset) -> dict[str, Any]:
    return {
        "id": asset.id,
        "project": asset.project,
        "state": asset.state.value,
        "kind": None if asset.kind is None else asset.kind.value,
        "created_at": rules.micros(asset.created_at),
        "updated_at": rules.micros(asset.updated_at),
        "due_at": None if asset.due_at is None else rules.micros(asset.due_at),
        "version": asset.version,
        "mutation_id": asset.mutation_id,
        "body": rules.encode(asset),
        "shard": rules.shard_of(asset.id, SHARDS),
    }


def _keep(connection: sa.Connection, row: dict[str, Any], events: Sequence[Outgoing]) -> None:
    if not events:
        return
    at = rules.micros(rules.now())
    connection.execute(
        _INSERT_EVENT,
        [
            {
                "asset": row["id"],
                "shard": row["shard"],
                "message": event.message.id,
                "topic": event.topic,
                "key": event.message.key,
                "project": event.message.project,
                "delay": event.delay,
                "body": event.message.body,
                "created_at": at,
            }
            for event in events
        ],
    )
