"""The SQLite broker's rules, as SQL inside a transaction that somebody else began.

A function that raises one of our errors has changed nothing, so that its neighbours in the same
transaction can be committed.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from mediakiln.adapters.broker.sqlite_file import DELAYED, READY
from mediakiln.model.errors import LeaseLost, NotFound
from mediakiln.model.messages import Message
from mediakiln.model.topology import DEAD

_HELD_BY_US = "id = ? AND receipt = ? AND at > ?"


@dataclass(slots=True)
class Transaction:
    """An open write transaction, and the groups whose waiting consumers it concerns."""

    connection: sqlite3.Connection
    touched: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed entry. `receipt` is made anew by every claim and proves who holds it."""

    entry: int
    group_id: int
    receipt: bytes
    attempt: int
    message: Message


def first(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> Any:
    """The first column of the first row, None where there is none."""
    with closing(connection.execute(statement, values)) as cursor:
        row = cursor.fetchone()
    return None if row is None else row[0]


def ensure(tx: Transaction, topology: Mapping[str, Sequence[str]]) -> None:
    """Make topics and groups that are not there yet."""
    for topic, groups in topology.items():
        tx.connection.execute("INSERT OR IGNORE INTO topics VALUES (?)", (topic,))
        tx.connection.executemany(
            "INSERT OR IGNORE INTO consumer_groups (topic, name) VALUES (?, ?)",
            [(topic, group) for group in groups],
        )


def group_id(connection: sqlite3.Connection, topic: str, group: str) -> int:
    """The number of a group; it never changes.

    Raises:
        NotFound: no such topic, or no such group.
    """
    groups = _groups(connection, topic)
    if group not in groups:
        raise NotFound(f"topic {topic!r} has no group {group!r}", topic=topic, group=group)
    return groups[group]


def publish(
    tx: Transaction, topic: str, group: str | None, messages: Sequence[Message], delay: float
) -> None:
    """Store each message once, with an entry for every group that gets it.

    Raises:
        NotFound: no such topic, or no such group.
    """
    if group is None:
        readers = list(_groups(tx.connection, topic).values())
    else:
        readers = [group_id(tx.connection, topic, group)]
    _store(tx, readers, messages, delay)


def ack(tx: Transaction, lease: Lease) -> None:
    """End the entry; the body goes with the last group's entry.

    Raises:
        LeaseLost: the lease lapsed or was ended.
    """
    message = first(
        tx.connection,
        f"DELETE FROM entries WHERE {_HELD_BY_US} RETURNING message",  # noqa: S608 - a constant
        (lease.entry, lease.receipt, time.time()),
    )
    if message is None:
        raise LeaseLost(id=lease.message.id)
    last = tx.connection.execute("DELETE FROM messages WHERE id = ? AND readers = 1", (message,))
    if not last.rowcount:
        tx.connection.execute("UPDATE messages SET readers = readers - 1 WHERE id = ?", (message,))


def retry(tx: Transaction, lease: Lease, delay: float) -> None:
    """Make the entry ready again after `delay` seconds.

    Raises:
        LeaseLost: the lease lapsed or was ended.
    """
    _put_back(tx, lease, "attempt", delay)


def give_back(tx: Transaction, lease: Lease) -> None:
    """Make the entry of a delivery that nobody saw ready again, as if it had not been made.

    Raises:
        LeaseLost: the lease lapsed or was ended.
    """
    _put_back(tx, lease, "attempt - 1", 0.0)


def extend(tx: Transaction, lease: Lease, seconds: float) -> None:
    """Let the lease last for `seconds` from now.

    Raises:
        LeaseLost: the lease lapsed or was ended.
    """
    now = time.time()
    changed = tx.connection.execute(
        f"UPDATE entries SET at = ? WHERE {_HELD_BY_US}",  # noqa: S608 - a constant
        (now + seconds, lease.entry, lease.receipt, now),
    )
    if not changed.rowcount:
        raise LeaseLost(id=lease.message.id)


def bury(tx: Transaction, lease: Lease, letter: Message) -> None:
    """End the entry and publish its dead letter.

    Raises:
        LeaseLost: the lease lapsed or was ended.
        NotFound: the topology has no topic for dead letters.
    """
    readers = list(_groups(tx.connection, DEAD).values())
    ack(tx, lease)
    _store(tx, readers, [letter], 0.0)


def _groups(connection: sqlite3.Connection, topic: str) -> dict[str, int]:
    rows = connection.execute(
        "SELECT name, id FROM consumer_groups WHERE topic = ?", (topic,)
    ).fetchall()
    if not rows and not first(connection, "SELECT 1 FROM topics WHERE name = ?", (topic,)):
        raise NotFound(f"there is no topic {topic!r}", topic=topic)
    return dict(rows)


def _store(
    tx: Transaction, readers: Sequence[int], messages: Sequence[Message], delay: float
) -> None:
    if not readers:
        return
    state, at = (DELAYED if delay > 0 else READY), time.time() + delay
    for message in messages:
        stored = tx.connection.execute(
            "INSERT INTO messages (message_id, key, body, readers) VALUES (?, ?, ?, ?)",
            (message.id, message.key, message.body, len(readers)),
        ).lastrowid
        for reader in readers:
            tx.connection.execute(
                "INSERT INTO entries (group_id, project, message, state, at)"
                " VALUES (?, ?, ?, ?, ?)",
                (reader, message.project, stored, state, at),
            )
    tx.touched.update(readers)


def _put_back(tx: Transaction, lease: Lease, attempt: str, delay: float) -> None:
    now = time.time()
    changed = tx.connection.execute(
        "UPDATE entries SET receipt = NULL, state = ?, at = ?,"  # noqa: S608 - constants
        f" attempt = {attempt} WHERE {_HELD_BY_US}",
        (DELAYED if delay > 0 else READY, now + delay, lease.entry, lease.receipt, now),
    )
    if not changed.rowcount:
        raise LeaseLost(id=lease.message.id)
    tx.touched.add(lease.group_id)
