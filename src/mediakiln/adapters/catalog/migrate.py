"""Brings a database to this release's schema, whoever else is doing the same."""

import sqlalchemy as sa

from mediakiln.adapters.catalog.migrations import HEAD, REVISIONS
from mediakiln.adapters.catalog.sqlite_connection import open_writer, use_wal
from mediakiln.model.errors import EngineMisconfigured

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
                _upgrade(connection)


def _is_current(connection: sa.Connection) -> bool:
    if not sa.inspect(connection).has_table(_VERSION.name):
        return False
    found = connection.execute(sa.select(_VERSION.c.version_num)).scalar()
    if found is not None and found not in REVISIONS:
        raise EngineMisconfigured(
            f"the catalog has schema {found}, made by a newer release; this one knows {HEAD}",
            hint="start the newer release, or restore the backup made before it ran",
            value=found,
            limit=HEAD,
        )
    return found == HEAD


def _upgrade(connection: sa.Connection) -> None:
    # Alembic takes half a second to import, so a start at the newest schema goes without it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "mediakiln.adapters.catalog:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
