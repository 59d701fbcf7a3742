"""Alembic's entry: runs revisions on the connection that `migrate.py` hands it.

For a developer: `alembic -c` is not used; a new revision is a new file in `versions`, and a test
compares what the revisions make with `schema.py`.
"""

from alembic import context

from mediakiln.adapters.catalog.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
# The caller holds the transaction: all revisions take effect together, or none does.
context.run_migrations()
