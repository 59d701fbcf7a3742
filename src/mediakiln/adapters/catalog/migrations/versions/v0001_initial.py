"""Assets, their outbox, and records spaces."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_CHURNING = {"autovacuum_vacuum_scale_factor": 0.01, "fillfactor": 70}


def upgrade() -> None:
    """Make the three tables."""
    _assets()
    _outbox()
    _records()


def _assets() -> None:
    op.create_table(
        "assets",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("kind", _TEXT),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("mutation_id", _TEXT),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_assets"),
        postgresql_with=_CHURNING,
    )
    for filters in ([], ["state"], ["kind"], ["state", "kind"]):
        columns = ["project", *filters, "created_at", "id"]
        op.create_index("ix_assets_" + "_".join(columns), "assets", columns)
    op.create_index(
        "ix_assets_shard_due_at_id",
        "assets",
        ["shard", "due_at", "id"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )


def _outbox() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "outbox",
        sa.Column("seq", number, nullable=False),
        sa.Column("asset", _TEXT, nullable=False),
        sa.Column("message", _TEXT, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("topic", _TEXT, nullable=False),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("project", _TEXT, nullable=False),
        sa.Column("delay", sa.Double, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.ForeignKeyConstraint(["asset"], ["assets.id"], name="fk_outbox_asset_assets"),
        sa.UniqueConstraint("asset", "message", name="uq_outbox_asset_message"),
        postgresql_with=_CHURNING,
    )
    op.create_index("ix_outbox_shard_seq", "outbox", ["shard", "seq"])


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("space", _TEXT, nullable=False),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("value", _TEXT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("space", "key", name="pk_records"),
    )
    op.create_index(
        "ix_records_expires_at",
        "records",
        ["expires_at"],
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
