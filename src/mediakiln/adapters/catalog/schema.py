"""The tables of the SQL engines.

A record is kept whole as JSON text, beside the few columns it is searched by. Times are
microseconds since 1970 in UTC. Text sorts by code point everywhere: SQLite's own way, and
PostgreSQL's collation "C". A change here needs a revision in `migrations/versions`.
"""

import sqlalchemy as sa

SHARDS = 4
"""How many shards the outbox and the due records are divided into; part of the stored rows."""

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
CHURNING = {"autovacuum_vacuum_scale_factor": 0.01, "fillfactor": 70}
"""PostgreSQL's storage of a table whose rows come and go: swept early, with room for updates."""

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
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("project", TEXT, nullable=False),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("kind", TEXT),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("mutation_id", TEXT),
    sa.Column("body", TEXT, nullable=False),
    postgresql_with=CHURNING,
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
    sa.Column("asset", TEXT, sa.ForeignKey("assets.id"), nullable=False),
    sa.Column("message", TEXT, nullable=False),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("topic", TEXT, nullable=False),
    sa.Column("key", TEXT, nullable=False),
    sa.Column("project", TEXT, nullable=False),
    sa.Column("delay", sa.Double, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("asset", "message"),
    postgresql_with=CHURNING,
)
sa.Index(None, outbox.c.shard, outbox.c.seq)

records = sa.Table(
    "records",
    metadata,
    sa.Column("space", TEXT, primary_key=True),
    sa.Column("key", TEXT, primary_key=True),
    sa.Column("value", TEXT, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
)
sa.Index(
    None,
    records.c.expires_at,
    sqlite_where=records.c.expires_at.is_not(None),
    postgresql_where=records.c.expires_at.is_not(None),
)
