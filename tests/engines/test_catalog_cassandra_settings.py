import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cassandra.cluster import Session

from mediakiln.adapters.catalog.cassandra import CassandraCatalog
from mediakiln.adapters.catalog.cassandra.cluster import check_version
from mediakiln.adapters.catalog.cassandra.schema import REVISIONS
from mediakiln.model.errors import EngineMisconfigured, EngineUnavailable
from mediakiln.testing.catalog_samples import an_asset
from support.cassandra import administrator, url_of
from support.servers import server

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("cassandra")]

CACHED_S = 2.5
"""How long the server believes what it knows of a user's permissions."""
_CHILD = Path(__file__).with_name("cassandra_child.py")


@pytest.fixture(scope="module")
def contact() -> str:
    return server("CASSANDRA", "cassandra")


@pytest.fixture(scope="module")
def admin(contact: str) -> Iterator[Session]:
    with administrator(contact) as session:
        yield session


@pytest.fixture
def name(admin: Session) -> Iterator[str]:
    """Of a keyspace that is not there yet."""
    made = f"test_{uuid.uuid4().hex[:12]}"
    yield made
    admin.execute(f"DROP KEYSPACE IF EXISTS {made}", timeout=60)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[CassandraCatalog]:
    catalog = CassandraCatalog.from_url(url)
    try:
        yield catalog
    finally:
        await catalog.close()


def _place(contact: str) -> str:
    return contact.rpartition("@")[2]


@pytest.mark.faults
def test_four_processes_may_make_keyspace_and_tables_at_once(
    contact: str, name: str, admin: Session
) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, str(_CHILD), "ensure", url_of(contact, name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    ends = []
    for child in children:
        with child:
            ends.append(child.wait())
    assert ends == [0] * 4
    made = admin.execute(f"SELECT count(*) FROM {name}.listing")  # noqa: S608 - our own name
    assert made.one()["count"] == 4 * 2


async def test_a_schema_change_that_was_cut_short_is_taken_up_by_the_next(
    contact: str, name: str, admin: Session
) -> None:
    async with _opened(url_of(contact, name)) as catalog:
        await catalog.ensure()
        asset = await catalog.create(an_asset())
        admin.execute(f"DROP TABLE {name}.records", timeout=60)
        admin.execute(f"DELETE revision FROM {name}.schema_state WHERE name = 'schema'")
        admin.execute(
            f"UPDATE {name}.schema_state USING TTL 2 SET owner = uuid() WHERE name = 'schema'"  # noqa: S608 - our own name
        )
        began = time.monotonic()
        await asyncio.gather(catalog.ensure(), catalog.ensure())
        assert time.monotonic() - began > 1  # until the dead owner's lock had ended
        assert await catalog.get(asset.id) == asset
        await catalog.records("s").put("k", {})


async def test_a_newer_releases_keyspace_is_refused(
    contact: str, name: str, admin: Session
) -> None:
    async with _opened(url_of(contact, name)) as catalog:
        await catalog.ensure()
        newer = len(REVISIONS) + 1
        admin.execute(f"UPDATE {name}.schema_state SET revision = {newer} WHERE name = 'schema'")  # noqa: S608 - our own name
        with pytest.raises(EngineMisconfigured, match="newer release") as refusal:
            await catalog.ensure()
    assert refusal.value.context["value"] == newer


async def test_without_a_schema_the_remedy_is_told(contact: str, name: str) -> None:
    async with _opened(url_of(contact, name)) as catalog:
        for act in (
            lambda: catalog.get("x"),
            lambda: catalog.create(an_asset()),
            lambda: catalog.records("s").put("k", {}),
        ):
            with pytest.raises(EngineMisconfigured, match="no schema") as refusal:
                await act()
            assert "mediakiln init" in refusal.value.context["hint"]
        await catalog.ensure()
        await catalog.create(an_asset())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda url: url.replace(":cassandra@", ":wrong@"), "refused user 'cassandra'"),
        (lambda url: url.replace("cassandra:cassandra@", ""), "user None"),
        (lambda url: f"{url}&dc=nowhere", "dc=nowhere; the cluster has datacenter1"),
        (lambda url: url.replace("replication=1", "replication=3"), "3 replicas; .* has 1"),
    ],
)
async def test_a_wrong_setting_is_named(
    contact: str, name: str, change: Callable[[str], str], told: str
) -> None:
    async with _opened(change(url_of(contact, name))) as catalog:
        with pytest.raises(EngineMisconfigured, match=told) as refusal:
            await catalog.ensure()
    assert "MEDIAKILN_CATALOG" in refusal.value.message
    assert "wrong" not in refusal.value.message
    assert refusal.value.context["hint"]


async def test_where_nobody_listens_is_unavailable_and_soon_told() -> None:
    began = time.monotonic()
    async with _opened("cassandra://127.0.0.1:1/k") as catalog:
        with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1:1"):
            await catalog.get("x")
    assert time.monotonic() - began < 10


async def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    async with _opened("cassandra://no-such-host.invalid/k") as catalog:
        with pytest.raises(EngineUnavailable, match="no-such-host"):
            await catalog.ensure()


async def test_one_contact_point_that_answers_is_enough(contact: str, name: str) -> None:
    place = _place(contact)
    async with _opened(url_of(contact.replace(place, f"127.0.0.1:1,{place}"), name)) as catalog:
        await catalog.ensure()
        await catalog.create(an_asset())


async def test_a_user_without_permission_is_told_what_to_have_run(
    contact: str, name: str, admin: Session
) -> None:
    user = f"u{uuid.uuid4().hex[:8]}"
    admin.execute(f"CREATE ROLE {user} WITH PASSWORD = 'p@ss' AND LOGIN = true")
    poor = url_of(f"{user}:p%40ss@{_place(contact)}", name)
    try:
        async with _opened(poor) as catalog:
            with pytest.raises(EngineMisconfigured, match=f"no keyspace {name}") as refusal:
                await catalog.ensure()
            keyspace, grant = refusal.value.context["hint"].partition("run: ")[2].split("; ")
            admin.execute(keyspace)
            with pytest.raises(EngineMisconfigured, match="may not"):
                await catalog.ensure()
            admin.execute(grant)
            await asyncio.sleep(CACHED_S)
            await catalog.ensure()
            asset = await catalog.create(an_asset())
            for resource in (f"KEYSPACE {name}", f"TABLE {name}.assets"):
                admin.execute(f"REVOKE MODIFY ON {resource} FROM {user}")
            await asyncio.sleep(CACHED_S)
            with pytest.raises(EngineMisconfigured, match="may not"):
                await catalog.create(an_asset())
            assert await catalog.get(asset.id) == asset
    finally:
        admin.execute(f"DROP ROLE {user}")


@pytest.mark.parametrize("version", ["3.11.19", "2.2.0", "3.0.8", "unknown"])
def test_a_release_before_4_is_refused(version: str) -> None:
    with pytest.raises(EngineMisconfigured, match="leads to Cassandra") as refusal:
        check_version(version)
    assert version in refusal.value.message


@pytest.mark.parametrize("version", ["4.0.0", "4.1.5", "5.0.9", "5.1-alpha1", "10.0"])
def test_later_releases_are_welcome(version: str) -> None:
    check_version(version)
