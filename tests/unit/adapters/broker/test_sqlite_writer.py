import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest

from mediakiln.adapters.broker.sqlite_queue import Transaction, ensure, publish
from mediakiln.adapters.broker.sqlite_writer import Work, Writer
from mediakiln.model.errors import EngineError, EngineUnavailable, NotFound
from mediakiln.testing.broker_tools import TOPOLOGY, made


class Commits:
    """What the writer told of its commits."""

    def __init__(self) -> None:
        self.groups: list[set[int]] = []

    def __call__(self, groups: AbstractSet[int]) -> None:
        self.groups.append(set(groups))


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
async def writer(tmp_path: Path, commits: Commits) -> AsyncIterator[Writer]:
    writer = Writer(tmp_path / "broker.db", commits)
    await writer.do(Work(lambda tx: ensure(tx, TOPOLOGY)))
    commits.groups.clear()
    yield writer
    await asyncio.to_thread(writer.stop)


def add(tx: Transaction) -> None:
    publish(tx, "work", None, made(1), 0)


def count(tx: Transaction) -> int:
    return int(tx.connection.execute("SELECT count(*) FROM messages").fetchone()[0])


async def held_up(writer: Writer) -> threading.Event:
    """Keep the writer busy with one commit until the event is set."""
    began, go_on = threading.Event(), threading.Event()

    def sit(_: Transaction) -> None:
        began.set()
        go_on.wait(10)

    writer.submit(Work(sit))
    await asyncio.to_thread(began.wait, 10)
    return go_on


async def test_what_piles_up_during_a_commit_is_committed_together(
    writer: Writer, commits: Commits
) -> None:
    go_on = await held_up(writer)
    tasks = [asyncio.create_task(writer.do(Work(add))) for _ in range(100)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*tasks)
    assert len(commits.groups) == 2
    assert await writer.do(Work(count)) == 100


async def test_a_refused_operation_leaves_its_neighbours_alone(writer: Writer) -> None:
    go_on = await held_up(writer)
    good = [asyncio.create_task(writer.do(Work(add))) for _ in range(3)]
    bad = asyncio.create_task(writer.do(Work(lambda tx: publish(tx, "no", None, made(1), 0))))
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(NotFound):
        await bad
    await asyncio.gather(*good)
    assert await writer.do(Work(count)) == 3


async def test_a_failed_batch_is_tried_one_by_one(writer: Writer) -> None:
    def broken(tx: Transaction) -> None:
        add(tx)
        tx.connection.execute("INSERT INTO messages (id) VALUES (NULL)")

    go_on = await held_up(writer)
    tasks = [asyncio.create_task(writer.do(Work(run))) for run in (add, broken, add)]
    await asyncio.sleep(0)
    go_on.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [type(None), EngineError, type(None)]
    assert isinstance(ends[1], EngineError)
    assert isinstance(ends[1].__cause__, sqlite3.IntegrityError)
    assert await writer.do(Work(count)) == 2, "nothing of the broken one stayed"


async def test_what_nobody_waits_for_any_more_is_not_begun(writer: Writer) -> None:
    begun: list[str] = []
    go_on = await held_up(writer)
    claim = Work(lambda _: begun.append("begun"), undo=lambda _: None)
    task = asyncio.create_task(writer.do(claim))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await writer.do(Work(count))
    assert begun == []


async def test_a_result_nobody_waits_for_any_more_is_undone(writer: Writer) -> None:
    began, go_on = threading.Event(), threading.Event()

    def sit(_: Transaction) -> str:
        began.set()
        go_on.wait(10)
        return "late"

    undone: list[str] = []
    task = asyncio.create_task(writer.do(Work(sit, undo=undone.append)))
    await asyncio.to_thread(began.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await writer.do(Work(count))
    assert undone == ["late"]


async def test_a_result_that_comes_with_the_cancellation_is_undone(writer: Writer) -> None:
    undone: list[str] = []
    go_on = await held_up(writer)
    work = Work(lambda _: "from the writer", undo=undone.append)
    task = asyncio.create_task(writer.do(work))
    await asyncio.sleep(0)
    assert work.future is not None
    work.future.set_result("in the same turn")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert undone == ["in the same turn"]
    go_on.set()


async def test_groups_concerned_are_told_once_per_commit(writer: Writer, commits: Commits) -> None:
    go_on = await held_up(writer)
    fan = Work(lambda tx: publish(tx, "fan", None, made(2), 0))
    tasks = [asyncio.create_task(writer.do(work)) for work in (fan, Work(add), Work(add))]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*tasks)
    assert [len(groups) for groups in commits.groups] == [0, 4]


async def test_a_stopped_writer_finishes_what_it_was_given(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "other.db", Commits())
    await writer.do(Work(lambda tx: ensure(tx, TOPOLOGY)))
    tasks = [asyncio.create_task(writer.do(Work(add))) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(writer.stop)
    await asyncio.gather(*tasks)
    with pytest.raises(EngineUnavailable):
        await writer.do(Work(add))
    with pytest.raises(EngineUnavailable):
        writer.submit(Work(add))


def test_one_writer_serves_loops_that_come_and_go(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "broker.db", Commits())

    async def start() -> None:
        await writer.do(Work(lambda tx: ensure(tx, TOPOLOGY)))

    asyncio.run(start())
    assert asyncio.run(writer.do(Work(count))) == 0
    writer.stop()
