"""The tables of the SQL engines.

A record is kept whole as JSON text, beside the few columns it is searched by. Times are
microseconds since 1970 in UTC. A change here needs a revision in `migrations/versions`.
"""

import sqlalchemy as sa

SHARDS = 4
"""How many shards the outbox and the due records are divided into; part of the stored rows."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

assets = sa.Table(
    "assets",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("mutation_id", sa.Text),
    sa.Column("body", sa.Text, nullable=False),
)
# One index per combination of filters, each in the order of a listing.
sa.Index(None, assets.c.project, assets.c.created_at, assets.c.id)
sa.Index(None, assets.c.project, assets.c.state, assets.c.created_at, assets.c.id)
sa.Index(None, assets.c.project, assets.c.kind, assets.c.created_at, assets.c.id)
sa.Index(None, assets.c.project, assets.c.state, assets.c.kind, assets.c.created_at, assets.c.id)
# Most records are due for nothing: the index holds only those that are.
sa.Index(
    None,
    assets.c.shard,
    assets.c.due_at,
    assets.c.id,
    sqlite_where=assets.c.due_at.is_not(None),
    postgresql_where=assets.c.due_at.is_not(None),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("asset", sa.Text, sa.ForeignKey("assets.id"), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("delay", sa.Double, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("asset", "message"),
)
sa.Index(None, outbox.c.shard, outbox.c.seq)

records = sa.Table(
    "records",
    metadata,
    sa.Column("space", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
)
sa.Index(
    None,
    records.c.expires_at,
    sqlite_where=records.c.expires_at.is_not(None),
    postgresql_where=records.c.expires_at.is_not(None),
)
