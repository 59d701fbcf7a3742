"""An asset's partition: the record in static columns, its pending events in rows.

Every write here is a lightweight transaction, since plain ones order by another clock.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Self

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.cassandra import times
from mediakiln.adapters.catalog.cassandra.link import Command, Link, Row
from mediakiln.model.asset import Asset
from mediakiln.model.errors import EngineUnavailable
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.messages import Message
from mediakiln.ports.catalog import Outgoing, Pending

_GET = "SELECT DISTINCT id, body, at, writer FROM {ks}.assets WHERE id = ?"
_READ = (
    "SELECT body, at, message, topic, key, event_project, payload, delay, written_in, position, "
    "kept_at FROM {ks}.assets WHERE id = ?"
)
_SET = "UPDATE {ks}.assets SET body = ?, version = ?, at = ?, writer = ?"
_CREATE = f"{_SET}, project = ?, created_at = ? WHERE id = ? IF version = null"
_UPDATE = f"{_SET} WHERE id = ? IF version = ? AND project = ? AND created_at = ?"
_KEEP = (
    "INSERT INTO {ks}.assets (id, message, topic, key, event_project, payload, delay, "
    "written_in, position, kept_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SENT = "DELETE FROM {ks}.assets WHERE id = ? AND message = ? IF version > 0"

_MAX_ID_BYTES = 65_535


@dataclass(frozen=True, slots=True)
class Facts:
    """What the index needs of one version of a record."""

    version: int
    at: int
    state: AssetState
    kind: Kind | None
    due_at: datetime | None

    @classmethod
    def of(cls, asset: Asset, at: int) -> Self:
        """Of a record that was written at that time."""
        return cls(asset.version, at, asset.state, asset.kind, asset.due_at)


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as read, the time of its write, and which call wrote it."""

    asset: Asset
    at: int
    writer: uuid.UUID

    @property
    def facts(self) -> Facts:
        """What the index needs of it."""
        return Facts.of(self.asset, self.at)


@dataclass(frozen=True, slots=True)
class Partition:
    """The time of a record's last write (0 without a record) and its events in order."""

    at: int
    events: Sequence[Pending]


def readable(id: str) -> bool:
    """Whether a partition can have this key."""
    return rules.storable(id) and 0 < len(id.encode()) <= _MAX_ID_BYTES


async def get(link: Link, id: str, *, serial: bool = True) -> Stored | None:
    """The record; unless `serial`, a write that has not come to its end may be missed."""
    rows = await link.run(_GET, id, serial=serial) if readable(id) else []
    if not rows or rows[0]["body"] is None:
        return None
    row = rows[0]
    return Stored(rules.decode(row["body"]), row["at"], row["writer"])


async def read(link: Link, id: str) -> Partition:
    """The events kept with a record, in the order of its writes."""
    rows = await link.run(_READ, id, serial=True)
    kept = [row for row in rows if row["message"] is not None]
    kept.sort(key=lambda row: (row["written_in"], row["position"]))
    at = rows[0]["at"] if rows else None
    return Partition(at or 0, [_pending(id, row) for row in kept])


async def create(
    link: Link, asset: Asset, at: int, writer: uuid.UUID, events: Sequence[Outgoing]
) -> bool:
    """Write the first version, if there is none."""
    fixed = (asset.project, rules.micros(asset.created_at), asset.id)
    command = (_CREATE, (*_fields(asset, at, writer), *fixed))
    return await link.transact(command, *_keep(asset, at, events), check=partial(_check_time, at))


async def update(
    link: Link, asset: Asset, at: int, writer: uuid.UUID, events: Sequence[Outgoing]
) -> bool:
    """Write a later version, if the one before it is there."""
    fixed = (asset.id, asset.version - 1, asset.project, rules.micros(asset.created_at))
    command = (_UPDATE, (*_fields(asset, at, writer), *fixed))
    return await link.transact(command, *_keep(asset, at, events), check=partial(_check_time, at))


async def forget(link: Link, id: str, messages: Sequence[str]) -> None:
    """Delete events of one record; unknown ones are no error."""
    await link.transact(*((_SENT, (id, message)) for message in messages))


def _fields(asset: Asset, at: int, writer: uuid.UUID) -> tuple[object, ...]:
    return rules.encode(asset), asset.version, at, writer


def _keep(asset: Asset, at: int, events: Sequence[Outgoing]) -> list[Command]:
    commands: list[Command] = []
    for position, event in enumerate(events):
        message = event.message
        about = (message.id, event.topic, message.key, message.project, message.body, event.delay)
        commands.append((_KEEP, (asset.id, *about, asset.version, position, at)))
    return commands


def _pending(id: str, row: Row) -> Pending:
    message = Message(
        id=row["message"], key=row["key"], project=row["event_project"], body=row["payload"]
    )
    return Pending(id, row["topic"], message, row["delay"], rules.moment(row["kept_at"]))


def _check_time(at: int) -> None:
    """A write that starts long after its time could outlive the rows that lead to it."""
    if times.now() > at + times.START_WITHIN:
        raise EngineUnavailable("the write did not come to its turn in time")
