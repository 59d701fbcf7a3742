"""Brings a SQLite file to this release's schema, whoever else is doing the same."""

import sqlalchemy as sa

from mediakiln.adapters.catalog.migrations.upgrade import is_newest, upgrade
from mediakiln.adapters.catalog.sqlite_connection import open_writer, use_wal

_VERSION = sa.table("alembic_version", sa.column("version_num"))


def migrate(engine: sa.Engine) -> None:
    """Run the revisions that are missing, all in one transaction; nothing where none is.

    Raises:
        EngineMisconfigured: the database was made by a newer release.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if _is_current(connection):
            return
    use_wal(engine)
    with open_writer(engine) as connection:
        # Rebuilding a table drops the old one, which foreign keys would forbid.
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF").close()
        with connection.begin():
            # Others may have been at it while we waited for the write lock.
            if not _is_current(connection):
                upgrade(connection)


def _is_current(connection: sa.Connection) -> bool:
    if not sa.inspect(connection).has_table(_VERSION.name):
        return False
    return is_newest(connection.execute(sa.select(_VERSION.c.version_num)).scalar())
