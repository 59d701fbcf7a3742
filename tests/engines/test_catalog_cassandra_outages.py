"""A Cassandra of these tests' own, which they stop, kill and freeze."""

import asyncio
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from mediakiln.adapters.catalog.cassandra import CassandraCatalog
from mediakiln.model.errors import EngineUnavailable
from mediakiln.testing.catalog_samples import all_pending, an_asset, an_event, changed
from support.cassandra import url_of
from support.freezing import frozen
from support.servers import server

pytestmark = [
    pytest.mark.engines,
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("cassandra"),
]

ROOT = Path(__file__).parents[2]
_CHILD = Path(__file__).with_name("cassandra_child.py")


@dataclass
class Node:
    """A server that can be ended and started again on the same data and port."""

    data: Path
    contact: str = ""

    def up(self) -> None:
        told = self._tool("up")
        settings = dict(
            shlex.split(line)[1].split("=", 1) for line in told.splitlines() if line.strip()
        )
        self.contact = settings["MEDIAKILN_TEST_CASSANDRA"]

    def down(self) -> None:
        self._tool("down")

    def kill(self) -> None:
        pid = int((self.data / "cassandra" / "cassandra.pid").read_text().split()[0])
        process = psutil.Process(pid)
        process.kill()
        process.wait(30)

    @property
    def port(self) -> int:
        return int(self.contact.rpartition(":")[2])

    def _tool(self, name: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "engines" / name), "--data", str(self.data), "cassandra"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    server("CASSANDRA", "cassandra")  # skips where Cassandra is not wanted
    made = Node(tmp_path_factory.mktemp("cassandra"))
    made.up()
    yield made
    made.down()


@pytest.fixture
async def catalog(node: Node) -> AsyncIterator[CassandraCatalog]:
    engine = CassandraCatalog.from_url(url_of(node.contact, "k", "replication=1&timeout=2"))
    await engine.ensure()
    yield engine
    await engine.close()


async def _until_it_answers(catalog: CassandraCatalog) -> float:
    began = time.monotonic()
    while True:
        try:
            await catalog.get("x")
        except EngineUnavailable:
            assert time.monotonic() - began < 30
            await asyncio.sleep(0.1)
        else:
            return time.monotonic() - began


async def test_a_kill_in_the_midst_of_writes_loses_nothing_acknowledged(
    node: Node, catalog: CassandraCatalog
) -> None:
    await catalog.create(before := an_asset(project="p"))
    with subprocess.Popen(  # noqa: ASYNC220 - the catalog has nothing to do meanwhile
        [sys.executable, str(_CHILD), "write", url_of(node.contact, "k", "timeout=2")],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(200)]
        node.kill()
        while (line := child.stdout.readline()) != "unavailable\n":
            said.append(line)
        with pytest.raises(EngineUnavailable):
            await catalog.get(before.id)
        with pytest.raises(EngineUnavailable):
            await catalog.create(refused := an_asset())
        await asyncio.to_thread(node.up)
        while "unavailable" in (line := child.stdout.readline()):
            pass
        said += [line, *(child.stdout.readline() for _ in range(50))]
        child.terminate()
        said += child.stdout.readlines()
    await _until_it_answers(catalog)
    acknowledged: dict[str, int] = {}
    for line in said:
        if line.endswith("\n") and "unavailable" not in line:
            id, version = line.split()
            acknowledged[id] = int(version)
    assert len(acknowledged) >= 100
    stored = await catalog.get_many(list(acknowledged))
    assert set(stored) == set(acknowledged)
    assert all(stored[id].version >= version for id, version in acknowledged.items())
    # Two events come with the first version, one with the second: any other number is half a write.
    events = Counter(pending.asset for pending in await all_pending(catalog))
    listed = {asset.id: asset for asset in (await catalog.list("default", limit=10_000)).assets}
    assert set(stored) <= set(listed)
    assert events == {id: asset.version + 1 for id, asset in listed.items()}
    assert await catalog.get(before.id)
    await catalog.create(refused)


async def test_after_a_stop_and_a_start_the_same_catalog_goes_on(
    node: Node, catalog: CassandraCatalog
) -> None:
    asset = await catalog.create(made := an_asset(), [event := an_event(made)])
    await asyncio.to_thread(node.down)
    began = time.monotonic()
    with pytest.raises(EngineUnavailable, match=re.escape(str(node.port))):
        await catalog.update(changed(asset, name="a"), expected=1)
    assert time.monotonic() - began < 15
    await asyncio.to_thread(node.up)
    assert await _until_it_answers(catalog) < 15
    assert await catalog.get(asset.id) == asset
    assert event.message in [kept.message for kept in await all_pending(catalog)]
    await catalog.update(changed(asset, name="b"), expected=1)


async def test_a_write_whose_answer_comes_too_late_counts_once(
    node: Node, catalog: CassandraCatalog
) -> None:
    """The server holds still after it took the write; the attempts that follow find it done."""
    assets = [await catalog.create(an_asset()) for _ in range(20)]
    changes = [changed(asset, name="new.jpg") for asset in assets]
    with frozen(node.port):
        tasks = [
            asyncio.create_task(catalog.update(change, expected=1, events=[an_event(change)]))
            for change in changes
        ]
        await asyncio.sleep(3)
        assert not any(task.done() for task in tasks)
    written = await asyncio.gather(*tasks)
    assert [asset.version for asset in written] == [2] * 20
    stored = await catalog.get_many([asset.id for asset in assets])
    assert list(stored.values()) == written
    events = Counter(kept.asset for kept in await all_pending(catalog))
    assert [events[asset.id] for asset in assets] == [1] * 20


async def test_a_server_that_holds_still_for_long_is_unavailable_and_the_loop_goes_on(
    node: Node, catalog: CassandraCatalog
) -> None:
    asset = await catalog.create(an_asset())
    began, longest = time.monotonic(), 0.0
    with frozen(node.port):
        reading = asyncio.create_task(catalog.get(asset.id))
        while not reading.done():
            turn = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - turn)
        with pytest.raises(EngineUnavailable):
            await reading
    assert time.monotonic() - began < 15
    assert longest < 1
    await _until_it_answers(catalog)
    assert await catalog.get(asset.id) == asset
