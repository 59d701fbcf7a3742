import asyncio
import contextlib
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from mediakiln.adapters.catalog.migrations import HEAD
from mediakiln.adapters.catalog.sqlite import SqliteCatalog
from mediakiln.model.errors import (
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    StorageFull,
)
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event, changed

_CHILD = Path(__file__).with_name("catalog_child.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


@pytest.fixture
async def catalog(path: Path) -> AsyncIterator[SqliteCatalog]:
    engine = SqliteCatalog(path, busy_timeout_s=0.2)
    await engine.ensure()
    yield engine
    await engine.close()


def _child(verb: str, path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(_CHILD), verb, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.faults
@pytest.mark.parametrize("lines", [3, 150, 400])
async def test_a_kill_loses_no_acknowledged_write_and_shows_no_half_one(
    catalog: SqliteCatalog, path: Path, lines: int
) -> None:
    with _child("write", path) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += child.stdout.readlines()
    acknowledged: dict[str, int] = {}
    for line in said:
        if line.endswith("\n"):
            id, version = line.split()
            acknowledged[id] = int(version)
    stored = await catalog.get_many(list(acknowledged))
    assert set(stored) == set(acknowledged)
    assert all(stored[id].version >= version for id, version in acknowledged.items())
    events = Counter(pending.asset for pending in await all_pending(catalog))
    everything = await catalog.list("default", limit=100_000)
    # Two events come with the first version, one with the second: any other number is half a write.
    assert events == {asset.id: asset.version + 1 for asset in everything.assets}
    survivor = everything.assets[0]
    await catalog.update(changed(survivor), expected=survivor.version)


@pytest.mark.faults
async def test_four_processes_may_make_the_schema_at_once(path: Path) -> None:
    children = [_child("migrate", path) for _ in range(4)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        with child:
            assert child.wait() == 0
    catalog = SqliteCatalog(path)
    await catalog.ensure()
    assert len((await catalog.list("default")).assets) == 4
    await catalog.close()


@pytest.mark.faults
def test_a_full_disk_refuses_writes_keeps_all_others_and_recovers(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare to mount a small filesystem")
    mount = shlex.quote(str(tmp_path))
    run = shlex.join([sys.executable, str(_CHILD), "fill", str(tmp_path / "catalog.db")])
    probe = ["unshare", "-Urm", "sh", "-c", f"mount -t tmpfs -o size=3m none {mount} && "]
    if subprocess.run([*probe[:-1], probe[-1] + "true"], check=False).returncode:
        pytest.skip("may not mount a filesystem in a user namespace here")
    done = subprocess.run(
        [*probe[:-1], probe[-1] + run], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("recovered")


async def test_at_the_size_limit_writes_are_refused_as_a_whole(
    catalog: SqliteCatalog, path: Path
) -> None:
    await catalog.create(first := an_asset())

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 8}")

    small = SqliteCatalog(path)
    sa.event.listen(small._engine, "connect", limit)
    assets = [an_asset(metadata={"filler": "x" * 20_000}) for _ in range(50)]
    asset = assets[-1]
    for each in assets[:-1]:
        with contextlib.suppress(StorageFull):
            await small.create(each, [an_event(each)])
    with pytest.raises(StorageFull):
        await small.create(asset, [an_event(asset)])
    stored = {found.id for found in (await small.list("default", limit=100)).assets}
    assert first.id in stored
    assert asset.id not in stored
    assert {pending.asset for pending in await all_pending(small)} == stored - {first.id}
    await small.close()
    await catalog.create(asset, [an_event(asset)])


async def test_a_newer_releases_database_is_refused(catalog: SqliteCatalog, path: Path) -> None:
    await catalog.create(an_asset())
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    late = SqliteCatalog(path)
    with pytest.raises(EngineMisconfigured, match="newer release") as refusal:
        await late.ensure()
    assert refusal.value.context["value"] == "9999"
    assert refusal.value.context["limit"] == HEAD
    await late.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM assets").fetchone() == (1,)
    db.close()


async def test_a_lock_held_too_long_is_unavailable_and_passes(
    catalog: SqliteCatalog, path: Path
) -> None:
    asset = await catalog.create(an_asset())
    rival = sqlite3.connect(path, isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    with pytest.raises(EngineUnavailable):
        await catalog.create(an_asset())
    assert await catalog.get(asset.id) == asset
    rival.execute("ROLLBACK")
    rival.close()
    await catalog.create(an_asset())


async def test_a_write_waits_for_another_process_to_finish(path: Path) -> None:
    catalog = SqliteCatalog(path)
    await catalog.ensure()
    rival = sqlite3.connect(path, isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(catalog.create(asset := an_asset()))
    await asyncio.sleep(0.2)
    assert not writing.done()
    rival.execute("COMMIT")
    rival.close()
    assert (await writing).id == asset.id
    await catalog.close()


async def test_a_damaged_file_is_named_with_what_to_do(path: Path) -> None:
    path.write_bytes(b"this is no database, and never was one " * 200)
    catalog = SqliteCatalog(path)
    with pytest.raises(EngineError) as failure:
        await catalog.ensure()
    assert "restore it from a backup" in failure.value.context["hint"]
    assert failure.value.context["path"] == str(path)
    await catalog.close()


async def test_a_page_damaged_later_is_an_engine_error(path: Path) -> None:
    catalog = SqliteCatalog(path)
    await catalog.ensure()
    for _ in range(50):
        await catalog.create(an_asset())
    await catalog.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    late = SqliteCatalog(path)
    with pytest.raises(EngineError):
        await late.list("default")
    with pytest.raises(EngineError):
        await late.create(an_asset())
    await late.close()


async def test_without_a_schema_the_remedy_is_told(path: Path) -> None:
    catalog = SqliteCatalog(path)
    with pytest.raises(EngineMisconfigured, match="no schema"):
        await catalog.get("x")
    with pytest.raises(EngineMisconfigured, match="no schema"):
        await catalog.create(an_asset())
    await catalog.ensure()
    await catalog.create(an_asset())
    await catalog.close()


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    catalog = SqliteCatalog(tmp_path / "file" / "catalog.db")
    with pytest.raises(EngineUnavailable):
        await catalog.ensure()
    with pytest.raises(EngineUnavailable):
        await catalog.get("x")
    await catalog.close()


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "postgresql://h/d", "no url", "sqlite:///x.db?mode=ro"],
)
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(EngineMisconfigured):
        SqliteCatalog.from_url(url)
