import importlib.resources
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from mediakiln.adapters.catalog import sqlite_assets, sqlite_records
from mediakiln.adapters.catalog.migrate import migrate
from mediakiln.adapters.catalog.migrations import HEAD, REVISIONS
from mediakiln.adapters.catalog.schema import metadata
from mediakiln.adapters.catalog.sqlite_connection import open_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_engine(tmp_path / "catalog.db", busy_timeout_s=1)
    migrate(made)
    yield made
    made.dispose()


def test_the_revisions_make_what_the_schema_says(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_partial_indexes_and_wal_are_in_place(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%NOT NULL'"
        partial = set(connection.exec_driver_sql(sql).scalars())
        assert partial == {"ix_assets_shard_due_at_id", "ix_records_expires_at"}
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_list_of_revisions_is_the_chain_of_the_files() -> None:
    config = Config()
    config.set_main_option("script_location", "mediakiln.adapters.catalog:migrations")
    scripts = ScriptDirectory.from_config(config)
    chain = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(chain)) == REVISIONS
    assert scripts.get_current_head() == HEAD


def test_the_revisions_are_files_of_the_package() -> None:
    folder = importlib.resources.files("mediakiln.adapters.catalog.migrations") / "versions"
    numbered = [file.name for file in folder.iterdir() if re.match(r"v\d{4}_", file.name)]
    assert len(numbered) == len(REVISIONS)


def test_migrating_again_needs_no_alembic(engine: sa.Engine) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from mediakiln.adapters.catalog.migrate import migrate\n"
        "from mediakiln.adapters.catalog.sqlite_connection import open_engine\n"
        "migrate(open_engine(Path(sys.argv[1]), busy_timeout_s=1))\n"
        "sys.exit('alembic' in sys.modules)"
    )
    database = str(engine.url.database)
    assert subprocess.run([sys.executable, "-c", code, database], check=False).returncode == 0


def test_a_migration_that_fails_halfway_leaves_nothing(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "other.db", busy_timeout_s=1)
    with engine.connect() as connection:
        # The last table is in the way, so the revision fails after it has made the others.
        connection.exec_driver_sql("CREATE TABLE records (x)")
    with pytest.raises(sa.exc.OperationalError, match="already exists"):
        migrate(engine)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["records"]
        connection.exec_driver_sql("DROP TABLE records")
    migrate(engine)
    engine.dispose()


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("kind", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_every_list_walks_an_index_in_order(
    engine: sa.Engine, *, state: bool, kind: bool, after: bool
) -> None:
    statement = sqlite_assets.list_statement(state=state, kind=kind, after=after)
    columns = ["project", *["state"] * state, *["kind"] * kind, "created_at", "id"]
    plan = _plan(engine, statement)
    assert f"SEARCH assets USING INDEX ix_assets_{'_'.join(columns)} " in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (sqlite_assets._GET, "sqlite_autoindex_assets_1 (id=?)"),
        (sqlite_assets._GET_MANY, "sqlite_autoindex_assets_1 (id=?)"),
        (sqlite_assets._UPDATE, "sqlite_autoindex_assets_1 (id=?)"),
        (sqlite_assets._DUE, "ix_assets_shard_due_at_id (shard=? AND due_at<?)"),
        (sqlite_assets._OUTBOX, "ix_outbox_shard_seq (shard=?)"),
        (sqlite_assets._SENT, "(asset=? AND message=?)"),
        (sqlite_records._GET, "(space=? AND key=?)"),
        (sqlite_records._FROM, "(space=? AND key>?)"),
        (sqlite_records._BETWEEN, "(space=? AND key>? AND key<?)"),
        (sqlite_records._PURGE, "ix_records_expires_at (expires_at<?)"),
    ],
)
def test_every_other_statement_has_its_index(engine: sa.Engine, statement: Any, index: str) -> None:
    plan = _plan(engine, statement)
    assert index in plan
    assert "TEMP B-TREE" not in plan
    assert "SCAN assets" not in plan
    assert "SCAN outbox" not in plan
    assert "SCAN records" not in plan


def _plan(engine: sa.Engine, statement: Any) -> str:
    compiled = statement.compile(engine)
    values = {"limit": 10, "ids": "[]"}
    params = [values.get(name, "") for name in compiled.positiontup]
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", tuple(params))
        return "\n".join(row[3] for row in rows)
