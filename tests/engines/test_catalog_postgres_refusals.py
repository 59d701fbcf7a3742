"""What PostgreSQL refuses, and what we say of it: outages are retryable, settings are not."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from mediakiln.adapters.catalog.postgres import PostgresCatalog, migrate
from mediakiln.model.errors import (
    EngineMisconfigured,
    EngineUnavailable,
    InvalidRequest,
    LimitExceeded,
    StorageFull,
)
from mediakiln.model.messages import Message
from mediakiln.ports.catalog import Outgoing
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event, changed
from support.postgres import administrator, fresh_url

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("postgres")]

_TRIGGER = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION fail()
"""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with fresh_url(timeout=2, connect_timeout=2) as url:
        yield url


@pytest.fixture
async def catalog(url: str) -> AsyncIterator[PostgresCatalog]:
    engine = PostgresCatalog.from_url(url)
    await engine.ensure()
    yield engine
    await engine.close()


@pytest.fixture
async def administration(catalog: PostgresCatalog) -> AsyncIterator[Any]:
    """A connection that may do everything, in the catalog's schema."""
    async with administrator() as connection:
        await connection.execute(f"SET search_path TO {catalog._options.schema}")
        yield connection


@pytest.fixture
async def stranger(catalog: PostgresCatalog, url: str, administration: Any) -> AsyncIterator[str]:
    """The catalog's URL for a role that may log in and nothing else."""
    role = catalog._options.schema.replace("test_", "role_")
    await administration.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    yield re.sub(r"//[^@]*@", f"//{role}:secret@", url)
    await administration.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def _role(url: str) -> str:
    return str(urlsplit(url).username)


async def _grant(administration: Any, url: str) -> None:
    schema = await administration.fetchval("SELECT current_schema()")
    for what in (
        "USAGE ON SCHEMA",
        "ALL ON ALL TABLES IN SCHEMA",
        "ALL ON ALL SEQUENCES IN SCHEMA",
    ):
        await administration.execute(f"GRANT {what} {schema} TO {_role(url)}")


async def _refusal(url: str, *, ensure: bool = False) -> EngineMisconfigured:
    engine = PostgresCatalog.from_url(url)
    asset = an_asset()
    with pytest.raises(EngineMisconfigured) as refusal:
        await (engine.ensure() if ensure else engine.create(asset, [an_event(asset)]))
    await engine.close()
    assert not refusal.value.retryable
    assert "secret" not in f"{refusal.value} {refusal.value.context}"
    return refusal.value


@pytest.mark.parametrize("ensure", [True, False])
@pytest.mark.parametrize(
    ("change", "says", "remedy"),
    [
        ((r"//[^@]*@", "//postgres:wrong@"), "does not let this user in", "user and password"),
        ((r"//[^@]*@", "//nobody:x@"), "does not let this user in", "user and password"),
        ((r"/mediakiln\?", "/no_such_database?"), "database does not exist", "create it"),
        ((r"$", "&sslmode=require"), "TLS", "sslmode"),
        ((r"$", "&target_session_attrs=standby"), "read-only", "target_session_attrs"),
        ((r"$", "&sslmode=sideways"), "not understood", "postgresql://"),
    ],
)
async def test_a_wrong_setting_is_named_with_its_remedy(
    url: str, change: tuple[str, str], says: str, remedy: str, *, ensure: bool
) -> None:
    error = await _refusal(re.sub(*change, url), ensure=ensure)
    assert says in str(error)
    assert remedy in error.context["hint"]


async def test_a_missing_permission_names_the_grants(stranger: str, administration: Any) -> None:
    assert "this user may use it" in (await _refusal(stranger)).context["hint"]
    assert "permission denied for schema" in str(await _refusal(stranger, ensure=True))
    schema = await administration.fetchval("SELECT current_schema()")
    await administration.execute(f"GRANT USAGE ON SCHEMA {schema} TO {_role(stranger)}")
    error = await _refusal(stranger)
    assert "permission denied for table" in str(error)
    assert "grant" in error.context["hint"]
    await _grant(administration, stranger)
    engine = PostgresCatalog.from_url(stranger)
    await engine.ensure()
    await engine.create(an_asset())
    await engine.close()


async def test_without_the_right_to_make_the_schema_ensure_says_so(stranger: str) -> None:
    error = await _refusal(stranger.replace("schema=test_", "schema=other_"), ensure=True)
    assert "permission denied for database" in str(error)


async def test_a_read_only_server_is_misconfigured_unless_it_became_so(
    stranger: str, administration: Any
) -> None:
    await _grant(administration, stranger)
    engine = PostgresCatalog.from_url(stranger)
    await engine.create(an_asset())
    to = f"ALTER ROLE {_role(stranger)} SET default_transaction_read_only ="
    await administration.execute(f"{to} on")
    assert "target_session_attrs" in (await _refusal(stranger)).context["hint"]
    # The connection from before is gone with the server that took writes.
    await administration.execute(_end_backends(stranger))
    with pytest.raises(EngineUnavailable, match="become read-only"):
        await engine.create(an_asset())
    await administration.execute(f"{to} off")
    await engine.create(an_asset())
    await engine.close()


def _end_backends(url: str) -> str:
    return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{_role(url)}'"  # noqa: S608 - a role of ours


async def test_too_many_connections_are_an_outage(stranger: str, administration: Any) -> None:
    await _grant(administration, stranger)
    await administration.execute(f"ALTER ROLE {_role(stranger)} CONNECTION LIMIT 1")
    first, late = PostgresCatalog.from_url(stranger), PostgresCatalog.from_url(stranger)
    await first.create(an_asset())
    with pytest.raises(EngineUnavailable, match="no room"):
        await late.create(an_asset())
    await first.close()
    await late.create(an_asset())
    await late.close()


async def test_a_lock_held_too_long_is_an_outage_and_passes(
    catalog: PostgresCatalog, administration: Any
) -> None:
    asset = await catalog.create(an_asset())
    async with administration.transaction():
        await administration.execute("SELECT FROM assets WHERE id = $1 FOR UPDATE", asset.id)
        with pytest.raises(EngineUnavailable, match="too long"):
            await catalog.update(changed(asset), expected=1, events=[an_event(asset)])
        assert await catalog.get(asset.id) == asset
    await catalog.update(changed(asset), expected=1)
    assert await all_pending(catalog) == []


async def test_callers_wait_for_a_connection_so_long_and_cancelled_ones_give_theirs_back(
    url: str, catalog: PostgresCatalog, administration: Any
) -> None:
    narrow = PostgresCatalog.from_url(f"{url}&pool=1&timeout=30&connect_timeout=1")
    asset = await catalog.create(an_asset())
    async with administration.transaction():
        await administration.execute("SELECT FROM assets WHERE id = $1 FOR UPDATE", asset.id)
        waiting = asyncio.create_task(narrow.update(changed(asset), expected=1))
        await asyncio.sleep(0.2)
        with pytest.raises(EngineUnavailable, match=r"all 1 connections .* busy"):
            await narrow.get(asset.id)
        waiting.cancel()
        assert await narrow.get(asset.id) == asset
    await narrow.close()
    assert await catalog.get(asset.id) == asset


async def test_a_full_disk_undoes_the_whole_write(
    catalog: PostgresCatalog, administration: Any
) -> None:
    asset, other = an_asset(), await catalog.create(an_asset())
    await administration.execute(_TRIGGER)
    with pytest.raises(StorageFull) as failure:
        await catalog.create(asset, [an_event(asset)])
    assert failure.value.retryable
    with pytest.raises(StorageFull):
        await catalog.update(changed(other), expected=1, events=[an_event(other)])
    assert await catalog.get_many([asset.id, other.id]) == {other.id: other}
    await administration.execute("DROP TRIGGER fail ON outbox")
    await catalog.create(asset, [an_event(asset)])
    assert len(await all_pending(catalog)) == 1


async def test_a_server_that_serialises_transactions_loses_no_increment(
    stranger: str, administration: Any
) -> None:
    await _grant(administration, stranger)
    level = "default_transaction_isolation = serializable"
    await administration.execute(f"ALTER ROLE {_role(stranger)} SET {level}")
    engine = PostgresCatalog.from_url(f"{stranger}&pool=8")
    assets = [await engine.create(an_asset()) for _ in range(8)]

    async def write(n: int) -> None:
        asset = assets[n % 8]
        for version in range(1, 6):
            await engine.update(changed(asset), expected=version, events=[an_event(asset)])

    await asyncio.gather(*map(write, range(8)))
    assert len(await all_pending(engine)) == 40
    await engine.close()


async def test_writes_are_durable_where_the_servers_default_is_otherwise(
    stranger: str, administration: Any
) -> None:
    role = _role(stranger)
    await administration.execute(f"ALTER ROLE {role} SET synchronous_commit = off")
    engine = PostgresCatalog.from_url(stranger)
    connection = await engine._connections._connect(1)
    assert await connection.fetchval("SHOW synchronous_commit") == "on"
    await connection.close()
    await administration.execute(f"ALTER ROLE {role} SET synchronous_commit = remote_apply")
    connection = await engine._connections._connect(1)
    assert await connection.fetchval("SHOW synchronous_commit") == "remote_apply"
    await connection.close()
    await engine.close()


async def test_a_server_too_old_is_named_with_what_is_needed(
    catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_OLDEST", 99)
    with pytest.raises(EngineMisconfigured, match="99 or newer"):
        await catalog.ensure()


async def test_what_no_column_can_hold_is_refused(catalog: PostgresCatalog) -> None:
    asset = an_asset()
    with pytest.raises(InvalidRequest):
        await catalog.create(asset, [Outgoing("a\0b", Message(id="m", key="k", body=b""))])
    with pytest.raises(LimitExceeded):
        await catalog.create(an_asset(project=_incompressible(9_000)))
    assert (await catalog.list("default")).assets == []


def _incompressible(length: int) -> str:
    return "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(length))


@pytest.mark.parametrize("at", ["127.0.0.1:1", "nowhere.invalid"])
async def test_no_server_is_an_outage_and_soon_told(url: str, at: str) -> None:
    engine = PostgresCatalog.from_url(re.sub(r"@[^/]*/", f"@{at}/", url))
    for work in (engine.get("x"), engine.create(an_asset()), engine.ensure()):
        with pytest.raises(EngineUnavailable) as failure:
            await asyncio.wait_for(work, 5)
        assert at in failure.value.context["url"]
    await engine.close()


async def test_a_server_that_never_answers_is_an_outage(url: str) -> None:
    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(ignore, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine = PostgresCatalog.from_url(re.sub(r"@[^/]*/", f"@127.0.0.1:{port}/", url))
    with pytest.raises(EngineUnavailable):
        await asyncio.wait_for(engine.get("x"), 5)
    await engine.close()
    server.close()
