"""What the revisions make on PostgreSQL, who may run them, and that statements walk indexes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from mediakiln.adapters.catalog.migrations import HEAD
from mediakiln.adapters.catalog.postgres import PostgresCatalog, statements
from mediakiln.adapters.catalog.schema import metadata
from mediakiln.model.errors import EngineError, EngineMisconfigured
from mediakiln.testing.catalog_samples import an_asset
from support.postgres import administrator, fresh_url

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("postgres")]

_COLUMNS = """
SELECT table_name, column_name, data_type, collation_name, is_nullable
FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name <> 'alembic_version' ORDER BY 1, 2
"""
_INDEXES = """
SELECT replace(indexdef, schemaname || '.', '') FROM pg_indexes
WHERE schemaname = current_schema() AND tablename <> 'alembic_version'
"""
_TABLES = """
SELECT relname, reloptions FROM pg_class WHERE relnamespace = to_regnamespace(current_schema())
AND relkind = 'r' AND relname <> 'alembic_version' ORDER BY 1
"""
_ROW = ("i", "p", "ready", "image", 1, 1, 1, 1, 2, "m", "{}")
_EVENTS = (1, ["m"], ["t"], ["k"], ["p"], [0.0], [b""])


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with fresh_url() as url:
        yield url


@pytest.fixture
async def catalog(url: str) -> AsyncIterator[PostgresCatalog]:
    engine = PostgresCatalog.from_url(url)
    await engine.ensure()
    yield engine
    await engine.close()


@pytest.fixture
async def inside(catalog: PostgresCatalog) -> AsyncIterator[Any]:
    """A connection with the settings that the catalog gives its own."""
    connection = await catalog._connections._connect(60)
    yield connection
    await connection.close()


async def test_the_revisions_make_what_the_schema_says(inside: Any, url: str) -> None:
    made = [list(map(tuple, await inside.fetch(sql))) for sql in (_COLUMNS, _TABLES)]
    indexes = {row[0] for row in await inside.fetch(_INDEXES)}
    said = url.partition("schema=")[2].partition("&")[0] + "_said"
    await inside.execute(f"CREATE SCHEMA {said}; SET search_path TO {said}")
    try:
        await inside.execute(_said_by_the_tables())
        assert made == [list(map(tuple, await inside.fetch(sql))) for sql in (_COLUMNS, _TABLES)]
        assert indexes == {row[0] for row in await inside.fetch(_INDEXES)}
    finally:
        await inside.execute(f"DROP SCHEMA {said} CASCADE")


def _said_by_the_tables() -> str:
    script: list[str] = []

    def note(ddl: Any, *_: Any, **__: Any) -> None:
        script.append(str(ddl.compile(dialect=engine.dialect)))

    engine = sa.create_mock_engine("postgresql+asyncpg://", note)
    metadata.create_all(engine, checkfirst=False)
    return ";".join(script)


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("kind", [False, True])
@pytest.mark.parametrize("after", [False, True])
async def test_every_list_walks_an_index_in_order(
    inside: Any, *, state: bool, kind: bool, after: bool
) -> None:
    columns = ["project", *["state"] * state, *["kind"] * kind, "created_at", "id"]
    values = ["p", 50, *["ready"] * state, *["image"] * kind, *[1, "i"] * after]
    plan = await _plan(inside, statements.page(state=state, kind=kind, after=after), *values)
    assert f"Index Scan Backward using ix_assets_{'_'.join(columns)} " in plan
    assert "Sort" not in plan


@pytest.mark.parametrize(
    ("sql", "values", "index"),
    [
        (statements.UPDATE, _ROW, "pk_assets"),
        (statements.UPDATE_WITH_EVENTS, (*_ROW, *_EVENTS), "pk_assets"),
        (statements.INSERT_WITH_EVENTS, (*_ROW, *_EVENTS), "Arbiter Indexes: pk_assets"),
        (statements.GET, ("i",), "pk_assets"),
        (statements.GET_MANY, (["i", "j"],), "pk_assets"),
        (statements.DUE, (0, 1, 100), "using ix_assets_shard_due_at_id"),
        (statements.OUTBOX, (0, 1, 100), "using ix_outbox_shard_seq"),
        (statements.SENT, (["a"], ["m"]), "uq_outbox_asset_message"),
        (statements.RECORD_GET, ("s", "k", 1), "pk_records"),
        (statements.RECORD_UPDATE, ("s", "k", 1, 2, "{}", None, 1), "pk_records"),
        (statements.RECORD_DELETE, ("s", "k"), "pk_records"),
        (statements.RECORD_DELETE_VERSION, ("s", "k", 1), "pk_records"),
        (statements.RECORD_LIST, ("s", "a", 1, 100), "using pk_records"),
        (statements.RECORD_LIST_UNTIL, ("s", "a", 1, 100, "b"), "using pk_records"),
        (statements.RECORD_PURGE, (1, 100), "using ix_records_expires_at"),
    ],
)
async def test_every_other_statement_has_its_index_however_empty_the_tables(
    inside: Any, sql: str, values: tuple[Any, ...], index: str
) -> None:
    plan = await _plan(inside, sql, *values)
    assert index in plan
    assert "Seq Scan" not in plan


async def _plan(connection: Any, sql: str, *values: Any) -> str:
    rows = await connection.fetch(f"EXPLAIN (COSTS OFF) {sql}", *values)
    return "\n".join(row[0] for row in rows)


async def test_many_may_make_the_schema_at_once(url: str) -> None:
    engines = [PostgresCatalog.from_url(url) for _ in range(6)]
    await asyncio.gather(*(engine.ensure() for engine in engines))
    written = await engines[0].create(an_asset())
    assert await engines[5].get(written.id) == written
    for engine in engines:
        await engine.close()


async def test_a_migration_that_fails_halfway_leaves_nothing(url: str) -> None:
    engine = PostgresCatalog.from_url(url)
    schema = engine._options.schema
    async with administrator() as connection:
        # The last table is in the way, so the revision fails after it has made the others.
        await connection.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.records ()")
        with pytest.raises(EngineError, match="already exists"):
            await engine.ensure()
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = $1"
        assert [row[0] for row in await connection.fetch(tables, schema)] == ["records"]
        await connection.execute(f"DROP TABLE {schema}.records")
    await engine.ensure()
    await engine.create(an_asset())
    await engine.close()


async def test_a_newer_releases_schema_is_refused(
    catalog: PostgresCatalog, inside: Any, url: str
) -> None:
    await inside.execute("UPDATE alembic_version SET version_num = '9999'")
    late = PostgresCatalog.from_url(url)
    with pytest.raises(EngineMisconfigured, match="newer release") as refusal:
        await late.ensure()
    assert refusal.value.context["value"] == "9999"
    assert refusal.value.context["limit"] == HEAD
    await late.close()
    await inside.execute("UPDATE alembic_version SET version_num = $1", HEAD)
    await catalog.ensure()


async def test_a_schema_of_another_release_names_the_remedy_at_use(
    catalog: PostgresCatalog, inside: Any
) -> None:
    await inside.execute("ALTER TABLE assets RENAME COLUMN mutation_id TO called_otherwise")
    with pytest.raises(EngineMisconfigured, match="another release") as refusal:
        await catalog.create(an_asset())
    assert "mediakiln init" in refusal.value.context["hint"]


async def test_without_a_schema_the_remedy_is_told(url: str) -> None:
    catalog = PostgresCatalog.from_url(url)
    for work in (catalog.get("x"), catalog.create(an_asset()), catalog.records("s").get("k")):
        with pytest.raises(EngineMisconfigured, match="no schema") as refusal:
            await work
        assert "mediakiln init" in refusal.value.context["hint"]
    await catalog.ensure()
    await catalog.create(an_asset())
    await catalog.close()


async def test_two_schemas_of_one_database_know_nothing_of_each_other(
    catalog: PostgresCatalog,
) -> None:
    async with fresh_url() as elsewhere:
        other = PostgresCatalog.from_url(elsewhere)
        await other.ensure()
        written = await catalog.create(an_asset())
        await catalog.records("s").put("k", {})
        assert await other.get(written.id) is None
        assert await other.records("s").get("k") is None
        await other.close()
