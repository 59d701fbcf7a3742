import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from mediakiln.adapters.broker.sqlite import SqliteBroker
from mediakiln.adapters.broker.sqlite_file import SCHEMA_VERSION, connect
from mediakiln.model.errors import (
    EngineMisconfigured,
    EngineUnavailable,
    MediakilnError,
    NotFound,
)
from mediakiln.model.messages import Message
from mediakiln.testing.broker_tools import LEASE, TOPOLOGY, collect, made, take_one


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "broker.db"


@pytest.fixture
async def broker(file: Path) -> AsyncIterator[SqliteBroker]:
    broker = SqliteBroker.from_url(f"sqlite:///{file}")
    yield broker
    await broker.close()


def rows(file: Path, table: str) -> int:
    with closing(sqlite3.connect(file)) as connection:
        query = f"SELECT count(*) FROM {table}"  # noqa: S608 - a test's own names
        return int(connection.execute(query).fetchone()[0])


async def test_a_file_that_is_no_database_is_refused(broker: SqliteBroker, file: Path) -> None:
    file.write_bytes(b"a letter to my aunt\n" * 1000)
    with pytest.raises(EngineMisconfigured) as caught:
        await broker.ensure(TOPOLOGY)
    assert caught.value.context["hint"]
    assert file.read_bytes().startswith(b"a letter"), "and left as it was"


async def test_a_newer_schema_is_refused(broker: SqliteBroker, file: Path) -> None:
    with closing(connect(file, writes=True)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(EngineMisconfigured) as caught:
        await broker.ensure(TOPOLOGY)
    assert caught.value.context["value"] == SCHEMA_VERSION + 1
    with pytest.raises(EngineMisconfigured):
        await broker.backlog("work", "workers")


async def test_a_missing_folder_is_named_in_the_hint(tmp_path: Path) -> None:
    broker = SqliteBroker.from_url(f"sqlite:///{tmp_path}/nowhere/broker.db")
    with pytest.raises(EngineMisconfigured) as caught:
        await broker.ensure(TOPOLOGY)
    assert str(tmp_path / "nowhere") in caught.value.context["hint"]
    await broker.close()


async def test_a_damaged_file_fails_with_a_clear_error_and_never_hangs(file: Path) -> None:
    first = SqliteBroker.from_url(f"sqlite:///{file}")
    await first.ensure(TOPOLOGY)
    await first.publish("work", made(500))
    await first.close()
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(b"\xa5" * (file.stat().st_size - 4096))
    again = SqliteBroker.from_url(f"sqlite:///{file}")
    with pytest.raises(EngineUnavailable) as caught:
        await again.publish("work", made(1))
    assert "damaged" in str(caught.value)
    assert caught.value.context["hint"]
    await again.close()


async def test_a_file_replaced_after_damage_is_used_without_a_restart(
    broker: SqliteBroker, file: Path
) -> None:
    file.write_bytes(b"no database, not at all " * 500)
    with pytest.raises(MediakilnError):
        await broker.ensure(TOPOLOGY)
    file.unlink()
    await broker.ensure(TOPOLOGY)
    await broker.publish("work", made(1))
    assert (await take_one(broker, "work", "workers")).message == made(1)[0]


async def test_receiving_before_anything_was_ensured_finds_no_topic(broker: SqliteBroker) -> None:
    with pytest.raises(NotFound):
        await broker.receive("work", "workers", limit=1, wait=0, lease=LEASE)


async def test_a_body_is_stored_once_and_goes_with_the_last_ack(
    broker: SqliteBroker, file: Path
) -> None:
    await broker.ensure(TOPOLOGY)
    await broker.publish("fan", made(1))
    assert (rows(file, "messages"), rows(file, "entries")) == (1, 3)
    for left, group in ((1, "left"), (1, "right"), (0, "third")):
        await (await take_one(broker, "fan", group)).ack()
        assert rows(file, "messages") == left
    assert rows(file, "entries") == 0


async def test_messages_outlive_the_process_that_published_them(file: Path) -> None:
    for _ in range(2):
        broker = SqliteBroker.from_url(f"sqlite:///{file}")
        await broker.ensure(TOPOLOGY)
        await broker.publish("work", made(3))
        await broker.close()
    broker = SqliteBroker.from_url(f"sqlite:///{file}")
    assert len(await collect(broker, "work", "workers", 6)) == 6
    await broker.close()


async def test_a_drained_backlog_gives_its_space_back(broker: SqliteBroker, file: Path) -> None:
    await broker.ensure(TOPOLOGY)
    big = [Message(id=str(n), key="k", body=os.urandom(32_000)) for n in range(100)]
    for _ in range(15):
        await broker.publish("work", big)
    size = pages(file)
    for delivery in await collect(broker, "work", "workers", 1500):
        await delivery.ack()
    assert pages(file) < size / 2


async def test_a_long_path_has_a_doorbell_too(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    broker = SqliteBroker.from_url(f"sqlite:///{folder}/broker.db")
    await broker.ensure(TOPOLOGY)
    assert not await broker.receive("work", "workers", limit=1, wait=0.1, lease=LEASE)
    assert len(list((folder / "broker.db.bells").iterdir())) == 1
    await broker.close()
    assert not list((folder / "broker.db.bells").iterdir())
    shutil.rmtree(folder)


def pages(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])
