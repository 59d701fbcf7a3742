"""Keyspaces for tests: made once, emptied between tests, since schema changes cost seconds."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from cassandra.cluster import Session

from mediakiln.adapters.catalog.cassandra import CassandraCatalog
from mediakiln.adapters.catalog.cassandra.cluster import open_session
from mediakiln.adapters.catalog.cassandra.target import Target

_PARTITIONS = {
    "hints": "shard, minute",
    "due": "shard, hour",
    "listing": "project, facet, month",
    "buckets": "name",
    "records": "space, slot",
}
"""Tables whose partitions tests share, by their keys; an asset's partition is its own."""


class Keyspace:
    """A keyspace of a test's own, and an administrator's session."""

    def __init__(self, contact: str, session: Session, name: str) -> None:
        self.contact = contact
        self.session = session
        self.name = name

    @property
    def url(self) -> str:
        """What MEDIAKILN_CATALOG would say."""
        return url_of(self.contact, self.name)

    def empty(self) -> None:
        """Delete what tests could see of one another."""
        for table, key in _PARTITIONS.items():
            where = " AND ".join(f"{column.strip()} = %s" for column in key.split(","))
            rows = self.session.execute(f"SELECT DISTINCT {key} FROM {self.name}.{table}")  # noqa: S608 - our own names
            for row in rows.all():
                self.session.execute(
                    f"DELETE FROM {self.name}.{table} WHERE {where}",  # noqa: S608 - as above
                    tuple(row.values()),
                )


def url_of(contact: str, keyspace: str, options: str = "replication=1") -> str:
    """A catalog's URL on a server that is given as user:password@host:port."""
    return f"cassandra://{contact}/{keyspace}?{options}"


@contextmanager
def administrator(contact: str) -> Iterator[Session]:
    """A session that may do anything."""
    session = open_session(Target.from_url(url_of(contact, "unused")))
    try:
        yield session
    finally:
        session.cluster.shutdown()


@contextmanager
def keyspace(contact: str) -> Iterator[Keyspace]:
    """A keyspace with its tables, dropped at the end."""
    with administrator(contact) as session:
        made = Keyspace(contact, session, f"test_{uuid.uuid4().hex[:12]}")
        asyncio.run(_ensure(made.url))
        try:
            yield made
        finally:
            session.execute(f"DROP KEYSPACE {made.name}", timeout=60)


async def _ensure(url: str) -> None:
    catalog = CassandraCatalog.from_url(url)
    await catalog.ensure()
    await catalog.close()
