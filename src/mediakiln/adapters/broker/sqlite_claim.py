"""How the SQLite broker finds what a consumer gets: by seeks in its two partial indexes.

Neither how many entries wait nor how many are leased or delayed changes what a claim costs.
"""

import itertools
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from mediakiln.adapters.broker.sqlite_queue import Lease, Transaction, first
from mediakiln.model.messages import Message
from mediakiln.ports.broker import Backlog

_PROMOTED_AT_ONCE = 1000
_RECEIPT_BYTES = 16

_NEXT_PROJECT = (
    "SELECT project FROM entries WHERE group_id = ? AND state = 0 AND project > ?"
    " ORDER BY project LIMIT 1"
)
_FIRST_PROJECT = (
    "SELECT project FROM entries WHERE group_id = ? AND state = 0 ORDER BY project LIMIT 1"
)
_READY_LINE = (
    "SELECT e.id, e.attempt, m.message_id, m.key, m.body, e.project FROM entries AS e"
    " CROSS JOIN messages AS m ON m.id = e.message"
    " WHERE e.group_id = ? AND e.state = 0 AND e.project = ? ORDER BY e.at, e.id"
)
_LEASE = "UPDATE entries SET state = 1, attempt = attempt + 1, at = ?, receipt = ? WHERE id = ?"
_PROMOTE = (
    "UPDATE entries SET state = 0, receipt = NULL WHERE id IN (SELECT id FROM entries"
    " WHERE group_id = ? AND state > 0 AND at <= ? ORDER BY at LIMIT ?)"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a receive got, or when it should look again."""

    leases: Sequence[Lease] = ()
    due: float | None = None


def glance(connection: sqlite3.Connection, group: int) -> Claim | None:
    """The claim of a group where nothing is ready now; None where something is.

    Takes no lock, so that consumers woken for the same message do not queue for it.
    """
    now = time.time()
    due = first(
        connection, "SELECT min(at) FROM entries WHERE group_id = ? AND state > 0", (group,)
    )
    if due is not None and due <= now:
        return None
    return None if first(connection, _FIRST_PROJECT, (group,)) is not None else Claim(due=due)


def stirs(connection: sqlite3.Connection, group: int) -> bool:
    """Whether something of the group is ready now."""
    return glance(connection, group) is None


def claim(tx: Transaction, group: int, limit: int, lease: float, turns: dict[int, str]) -> Claim:
    """Lease up to `limit` ready entries, the projects taking turns.

    `turns` remembers per group which project was served last.
    """
    now = time.time()
    tx.connection.execute(_PROMOTE, (group, now, _PROMOTED_AT_ONCE))
    leases = [
        Lease(
            entry=entry,
            group_id=group,
            receipt=secrets.token_bytes(_RECEIPT_BYTES),
            attempt=attempt + 1,
            message=Message(id=message_id, key=key, project=project, body=body),
        )
        for entry, attempt, message_id, key, body, project in _in_turns(
            tx.connection, group, limit, turns.get(group)
        )
    ]
    if not leases:
        return glance(tx.connection, group) or Claim(due=now)
    turns[group] = leases[-1].message.project
    tx.connection.executemany(_LEASE, [(now + lease, ls.receipt, ls.entry) for ls in leases])
    return Claim(leases)


def backlog(connection: sqlite3.Connection, group: int) -> Backlog:
    """Counts by state, a lapsed lease as ready, and how long the oldest has been ready."""
    now = time.time()
    ready = first(
        connection, "SELECT count(*) FROM entries WHERE group_id = ? AND state = 0", (group,)
    )
    due, leased, delayed = connection.execute(
        "SELECT count(*) FILTER (WHERE at <= ?1), count(*) FILTER (WHERE at > ?1 AND state = 1),"
        " count(*) FILTER (WHERE at > ?1 AND state = 2)"
        " FROM entries WHERE group_id = ?2 AND state > 0",
        (now, group),
    ).fetchone()
    oldest = [
        first(
            connection,
            "SELECT min(at) FROM entries WHERE group_id = ? AND state = 0 AND project = ?",
            (group, project),
        )
        for project in _projects(connection, group, None)
    ]
    age = max(0.0, now - min(oldest)) if oldest else None
    return Backlog(ready=ready + due, leased=leased, delayed=delayed, oldest_age_s=age)


def _in_turns(
    connection: sqlite3.Connection, group: int, limit: int, served: str | None
) -> list[tuple[int, int, str, str, bytes, str]]:
    """Ready entries, one project after the other, beginning after the one served last.

    A cursor steps through its index only as far as it is read, so the cost grows with `limit`,
    not with how many entries or projects there are.
    """
    with ExitStack() as stack:
        lines = deque(
            stack.enter_context(closing(connection.execute(_READY_LINE, (group, project))))
            for project in itertools.islice(_projects(connection, group, served), limit)
        )
        taken: list[tuple[int, int, str, str, bytes, str]] = []
        while lines and len(taken) < limit:
            line = lines.popleft()
            row = line.fetchone()
            if row is not None:
                taken.append(row)
                lines.append(line)
        return taken


def _projects(connection: sqlite3.Connection, group: int, served: str | None) -> Iterator[str]:
    """Projects with ready entries, in order, beginning after `served` and ending with it.

    Each is found by one seek in the index (a loose index scan).
    """
    if served is not None:
        project = first(connection, _NEXT_PROJECT, (group, served))
        while project is not None:
            yield project
            project = first(connection, _NEXT_PROJECT, (group, project))
    project = first(connection, _FIRST_PROJECT, (group,))
    while project is not None and (served is None or project <= served):
        yield project
        project = first(connection, _NEXT_PROJECT, (group, project))
