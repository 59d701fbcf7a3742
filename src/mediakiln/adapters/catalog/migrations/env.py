"""Alembic's entry: runs revisions on a connection, or writes them down as SQL; see `upgrade.py`.

For a developer: `alembic -c` is not used; a new revision is a new file in `versions`, and a test
compares what the revisions make with `schema.py`. A revision changes rows by SQL alone, never by
reading them first: on PostgreSQL it is text before it meets the database.
"""

from alembic import context

from mediakiln.adapters.catalog.schema import metadata

context.configure(
    connection=context.config.attributes.get("connection"),
    dialect_name=context.config.attributes.get("dialect"),
    target_metadata=metadata,
    render_as_batch=True,
)
# The caller holds the transaction: all revisions take effect together, or none does.
context.run_migrations()
