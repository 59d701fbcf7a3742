"""Which revision a database has, and the way from there to this release's.

Alembic takes half a second to import, so a start at the newest schema goes without it.
"""

import io
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mediakiln.adapters.catalog.migrations import HEAD, REVISIONS
from mediakiln.model.errors import EngineMisconfigured

if TYPE_CHECKING:
    from alembic.config import Config

_ALONE = threading.Lock()
"""Alembic keeps the revision at work in module globals."""


def is_newest(found: str | None) -> bool:
    """Whether a database with this revision, or with none, needs no upgrade.

    Raises:
        EngineMisconfigured: the database was made by a newer release.
    """
    if found is not None and found not in REVISIONS:
        raise EngineMisconfigured(
            f"the catalog has schema {found}, made by a newer release; this one knows {HEAD}",
            hint="start the newer release, or restore the backup made before it ran",
            value=found,
            limit=HEAD,
        )
    return found == HEAD


def upgrade(connection: sa.Connection) -> None:
    """Run the revisions that are missing, in the transaction that the caller began."""
    from alembic import command

    with _ALONE:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def upgrade_script(found: str | None, dialect: str) -> str:
    """The same as SQL text, for a driver that SQLAlchemy does not drive; without a transaction."""
    from alembic import command

    with _ALONE:
        config = _config(text := io.StringIO())
        config.attributes["dialect"] = dialect
        command.upgrade(config, "head" if found is None else f"{found}:head", sql=True)
        return text.getvalue()


def _config(output: io.StringIO | None = None) -> "Config":
    from alembic.config import Config

    config = Config(output_buffer=output)
    config.set_main_option("script_location", "mediakiln.adapters.catalog:migrations")
    return config
