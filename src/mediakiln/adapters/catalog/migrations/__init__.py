"""Schema revisions, oldest first: with this list a start at the newest needs no Alembic."""

REVISIONS = ("0001",)
HEAD = REVISIONS[-1]
