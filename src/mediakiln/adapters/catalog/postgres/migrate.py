"""Brings a database to this release's schema, whoever else is doing the same."""

import asyncio
import zlib
from collections.abc import Mapping

from mediakiln.adapters.catalog.migrations.upgrade import is_newest, upgrade_script
from mediakiln.adapters.catalog.postgres.connections import Connection
from mediakiln.model.errors import EngineMisconfigured

_OLDEST = 13
_LOCKS = 0x6D6B
"""The first half of our advisory locks' keys, "mk"; the other comes from the schema's name."""
_DEMANDS: Mapping[str, tuple[str, str]] = {
    "server_encoding": ("UTF8", "create the database with ENCODING 'UTF8'"),
    "fsync": ("on", "set fsync = on: without it, acknowledged uploads may be lost with the power"),
}


async def migrate(connection: Connection, schema: str) -> None:
    """Run the revisions that are missing, all in one transaction; nothing where none is.

    Raises:
        EngineMisconfigured: the server will not do, or a newer release made the schema.
    """
    await _check_server(connection)
    if is_newest(await _revision(connection, schema)):
        return
    # Before the transaction, whose begin is what shows us the tables that others have made. The
    # lock ends with the connection, which is for this alone.
    await connection.fetchval("SELECT pg_advisory_lock($1, $2)", *_lock(schema))
    async with connection.transaction():
        found = await _revision(connection, schema)
        if is_newest(found):
            return
        if not await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", schema):
            await connection.execute(f"CREATE SCHEMA {schema}")
        script = await asyncio.to_thread(upgrade_script, found, "postgresql")
        await connection.execute(script)


async def _check_server(connection: Connection) -> None:
    version = connection.get_server_version()
    if version.major < _OLDEST:
        raise EngineMisconfigured(
            f"the catalog's server is PostgreSQL {version.major}; needed is {_OLDEST} or newer",
            hint=f"name a server of version {_OLDEST} or newer in MEDIAKILN_CATALOG",
            value=version.major,
            limit=_OLDEST,
        )
    for name, (wanted, remedy) in _DEMANDS.items():
        found = await connection.fetchval("SELECT current_setting($1)", name)
        if found != wanted:
            raise EngineMisconfigured(
                f"the catalog's server has {name} = {found}, not {wanted}", hint=remedy, value=found
            )


async def _revision(connection: Connection, schema: str) -> str | None:
    table = f"{schema}.alembic_version"
    if not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
        return None
    found: str | None = await connection.fetchval(f"SELECT version_num FROM {table}")  # noqa: S608 - a checked name
    return found


def _lock(schema: str) -> tuple[int, int]:
    """The advisory lock of a schema: two signed numbers of 32 bits."""
    return _LOCKS, zlib.crc32(schema.encode()) - 2**31
