"""The tables, and how they come to be.

Cassandra bears no schema changes in parallel. A row in a table of its own, taken by a
lightweight transaction, is the lock; that table's id is fixed, so that several processes may
make it at once. Times are microseconds since 1970 in UTC.
"""

import asyncio
import time
import uuid

from mediakiln.adapters.catalog.cassandra.errors import SchemaMissing
from mediakiln.adapters.catalog.cassandra.link import Link, Row
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable

_STATE = """CREATE TABLE IF NOT EXISTS {ks}.schema_state (
    name text PRIMARY KEY, owner uuid, revision int
) WITH id = %s"""

_ASSETS = """CREATE TABLE IF NOT EXISTS {ks}.assets (
    id text,
    body text STATIC, version bigint STATIC, at bigint STATIC, writer uuid STATIC,
    project text STATIC, created_at bigint STATIC,
    message text, topic text, key text, event_project text, payload blob, delay double,
    written_in bigint, position int, kept_at bigint,
    PRIMARY KEY (id, message)
) WITH gc_grace_seconds = 86400"""
# What leads to an asset may come back from the dead (a row too many does no harm), so its
# tombstones need not be kept for long.
_HINTS = """CREATE TABLE IF NOT EXISTS {ks}.hints (
    shard int, minute bigint, asset text, at bigint, PRIMARY KEY ((shard, minute), asset)
) WITH gc_grace_seconds = 3600"""
_DUE = """CREATE TABLE IF NOT EXISTS {ks}.due (
    shard int, hour bigint, due_at bigint, asset text, at bigint,
    PRIMARY KEY ((shard, hour), due_at, asset)
) WITH gc_grace_seconds = 3600"""
_LISTING = """CREATE TABLE IF NOT EXISTS {ks}.listing (
    project text, facet text, month int, created_at bigint, asset text, at bigint,
    PRIMARY KEY ((project, facet, month), created_at, asset)
) WITH CLUSTERING ORDER BY (created_at DESC, asset DESC) AND gc_grace_seconds = 3600"""
_BUCKETS = """CREATE TABLE IF NOT EXISTS {ks}.buckets (
    name text, bucket bigint, PRIMARY KEY (name, bucket)
) WITH gc_grace_seconds = 3600"""
_RECORDS = """CREATE TABLE IF NOT EXISTS {ks}.records (
    space text, slot int, key text,
    value text, version bigint, expires_at bigint, writer uuid,
    PRIMARY KEY ((space, slot), key)
) WITH gc_grace_seconds = 86400"""

REVISIONS = ((_ASSETS, _HINTS, _DUE, _LISTING, _BUCKETS, _RECORDS),)
"""The changes of each revision, oldest first; a keyspace is at as many as it has seen."""

_FIND = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?"
_FIND_STATE = (
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? "
    "AND table_name = 'schema_state'"
)
_REVISION = "SELECT revision FROM {ks}.schema_state WHERE name = 'schema'"
_REACHED = "UPDATE {ks}.schema_state SET revision = ? WHERE name = 'schema' IF owner = ?"
_TAKE = "UPDATE {ks}.schema_state USING TTL 60 SET owner = ? WHERE name = 'schema' IF owner = null"
_RENEW = "UPDATE {ks}.schema_state USING TTL 60 SET owner = ? WHERE name = 'schema' IF owner = ?"
_UNLOCK = "UPDATE {ks}.schema_state SET owner = null WHERE name = 'schema' IF owner = ?"
_LOCK_WAIT_S = 120.0
_KNOWN_WITHIN_S = 15.0
_POLL_S = 0.25


async def ensure(link: Link) -> None:
    """Make what is missing; safe to run again, and by many processes at once.

    Raises:
        EngineMisconfigured: the keyspace is missing and may not be made, or a newer release has
            been here.
    """
    keyspace = link.target.keyspace
    if not await link.run(_FIND, keyspace):
        await _make_keyspace(link)
    if not await link.run(_FIND_STATE, keyspace):
        await _make_state(link)
    if await _revision(link) < len(REVISIONS):
        await _migrate(link)


async def _make_keyspace(link: Link) -> None:
    target = link.target
    dc, nodes = await _nodes(link)
    if nodes < target.replication:
        raise EngineMisconfigured(
            f"MEDIAKILN_CATALOG asks for {target.replication} replicas; {dc} has {nodes} nodes",
            hint=f"use replication={nodes}, which outlives no node, or add nodes",
        )
    cql = (
        f"CREATE KEYSPACE IF NOT EXISTS {target.keyspace} WITH replication = "
        f"{{'class': 'NetworkTopologyStrategy', '{dc}': {target.replication}}}"
    )
    try:
        await link.define(cql)
    except EngineMisconfigured as error:
        raise EngineMisconfigured(
            f"MEDIAKILN_CATALOG: there is no keyspace {target.keyspace}, "
            f"and user {target.user!r} may not make it",
            hint=f"let an administrator run: {cql}; GRANT CREATE, SELECT, MODIFY "
            f"ON KEYSPACE {target.keyspace} TO {target.user}",
        ) from error


async def _make_state(link: Link) -> None:
    """Make the lock's table."""
    fixed = uuid.uuid5(uuid.NAMESPACE_URL, f"cassandra:{link.target.keyspace}/schema_state")
    await link.define(_STATE % fixed)


async def _nodes(link: Link) -> tuple[str, int]:
    """The data centre that the replicas go to, and how many nodes it has."""
    rows = await link.run("SELECT data_center FROM system.local")
    rows += await link.run("SELECT data_center FROM system.peers")
    dc = link.target.dc or rows[0]["data_center"]
    return dc, sum(row["data_center"] == dc for row in rows)


async def _revision(link: Link) -> int:
    """How many revisions the keyspace has seen."""
    rows = await _read_state(link)
    found = (rows[0]["revision"] if rows else None) or 0
    if found > len(REVISIONS):
        raise EngineMisconfigured(
            f"the keyspace {link.target.keyspace} is a newer release's",
            value=found,
            limit=len(REVISIONS),
            hint="start that release, or use another keyspace",
        )
    return int(found)


async def _read_state(link: Link) -> list[Row]:
    """The lock's row; its table, made by another process, may be listed before it is known."""
    deadline = time.monotonic() + _KNOWN_WITHIN_S
    while True:
        try:
            return await link.run(_REVISION, serial=True)
        except SchemaMissing:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_POLL_S)


async def _migrate(link: Link) -> None:
    """Change by change under the lock, which is renewed before each."""
    owner = uuid.uuid4()
    deadline = time.monotonic() + _LOCK_WAIT_S
    while not await _take(link, owner):
        if await _revision(link) == len(REVISIONS):
            return
        if time.monotonic() > deadline:
            raise EngineUnavailable(
                f"another process has been changing {link.target.keyspace} for too long",
                hint="its lock ends by itself a minute after its death",
            )
        await asyncio.sleep(_POLL_S)
    for number in range(await _revision(link), len(REVISIONS)):
        for change in REVISIONS[number]:
            if not await link.transact((_RENEW, (owner, owner))):
                raise EngineUnavailable("the schema's lock was lost; its new owner goes on")
            await link.define(change)
        await link.transact((_REACHED, (number + 1, owner)))
    await link.transact((_UNLOCK, (owner,)))


async def _take(link: Link, owner: uuid.UUID) -> bool:
    """Take the lock, if it is free; after an unknown outcome it may be ours already."""
    return await link.transact((_TAKE, (owner,))) or await link.transact((_RENEW, (owner, owner)))
