"""Rooms: several jobs of one project in one child, and when another child takes over."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.errors import EngineMisconfigured, OperationFailed, StepTimeout
from mediakiln.ports.runner import (
    Made,
    Report,
    Room,
    TaskDone,
    TaskFailed,
    TaskKilled,
    TaskStarted,
    Work,
)
from mediakiln.sandbox.rooms import RoomRules
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.stages.process.scratch import Scratch
from mediakiln.testing.runner_tools import (
    UPLOAD,
    Step,
    Workbench,
    children,
    descendants,
    disregard_others,
    step,
    until,
    within,
)

MOCKS = "mediakiln.testing.mock_operations:OPERATIONS"
COPY = step("copy")


@dataclass
class House:
    """A runner with rooms, and jobs for them."""

    runner: ForkRunner
    bench: Workbench

    async def run(self, each: Step, project: str = "default") -> list[Report]:
        """Every report of a job in a room of the project."""
        async with self.runner.room(project) as room:
            return await self.within(room, each)

    async def within(self, room: Room, each: Step) -> list[Report]:
        """Every report of a job in this room."""
        async with aclosing(room.run(await self.work(room, each))) as reports:  # type: ignore[type-var]
            return [report async for report in reports]

    async def work(self, room: Room, each: Step) -> Work:
        """The job of one step, in the room's folders."""
        made = self.bench.work(each)
        (task,) = made.tasks
        assert task.source is not None
        (source,) = await room.lend([task.source])
        task = replace(task, out=room.out, source=source)
        return replace(made, scratch=room.scratch, tasks=(task,))

    def child(self) -> set[int]:
        """The children that live now: all that is below the zygote."""
        zygotes = {each.pid for each in children()}
        return {each.pid for each in descendants()} - zygotes


@pytest.fixture
async def house(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """With the rules that a test names by its parameter."""
    disregard_others()
    given: dict[str, Any] = getattr(request, "param", {})
    scratch = Scratch(tmp_path / "rooms", owner="test")
    scratch.open()
    runner = ForkRunner(MOCKS, rooms=RoomRules(scratch.folder, **given))
    yield House(runner, Workbench(runner, tmp_path))
    await runner.close()
    assert not list((tmp_path / "rooms" / "test").iterdir()), "no room was left behind"


async def test_jobs_of_one_project_follow_one_another_in_one_child(house: House) -> None:
    (done,) = (each for each in await house.run(COPY) if isinstance(each, TaskDone))
    first = house.child()
    assert done.made[0].bytes == len(UPLOAD)
    for _ in range(3):
        assert isinstance((await house.run(COPY))[-1], TaskDone)
    assert house.child() == first
    assert len(first) == 1


async def test_a_child_never_works_for_two_projects(house: House) -> None:
    await house.run(COPY, "one")
    one = house.child()
    await house.run(COPY, "other")
    assert len(house.child() - one) == 1
    await house.run(COPY, "one")
    assert len(house.child()) == 2


async def test_jobs_at_one_time_have_children_of_their_own(house: House) -> None:
    slow = step("sleep", seconds=0.3)
    await asyncio.gather(*(house.run(slow) for _ in range(3)))
    assert len(house.child()) == 3


@pytest.mark.parametrize("house", [{"jobs": 2}], indirect=True)
async def test_after_so_many_jobs_another_child_takes_over(house: House) -> None:
    seen = []
    for _ in range(4):
        await house.run(COPY)
        seen.append(house.child())
        if len(seen) == 2:
            assert await until(lambda: not house.child())
    assert seen[0]
    assert not seen[0] & seen[2]


@pytest.mark.parametrize("house", [{"jobs": 1}], indirect=True)
async def test_a_house_of_single_jobs_keeps_no_child(house: House) -> None:
    assert isinstance((await house.run(COPY))[-1], TaskDone)
    assert await until(lambda: not house.child())


@pytest.mark.parametrize("house", [{"idle_s": 0.1}], indirect=True)
async def test_a_child_that_waits_too_long_is_ended(house: House) -> None:
    await house.run(COPY)
    assert await until(lambda: not house.child())


@pytest.mark.parametrize("house", [{"most_idle": 1}], indirect=True)
async def test_the_one_that_waits_longest_makes_room(house: House) -> None:
    await house.run(COPY, "one")
    await house.run(COPY, "other")
    assert await until(lambda: len(house.child()) == 1)


@pytest.mark.parametrize("house", [{"memory_mb": 1}], indirect=True)
async def test_a_child_that_grew_is_not_kept(house: House) -> None:
    await house.run(COPY)
    assert await until(lambda: not house.child())


@pytest.mark.parametrize("house", [{"look_s": 0.05}], indirect=True)
@pytest.mark.parametrize("by", ["computing", "memory", "disk", "program"])
async def test_a_child_that_does_not_just_wait_is_ended(house: House, by: str) -> None:
    assert isinstance((await house.run(step("lurk", by=by)))[-1], TaskDone)
    assert await until(lambda: not house.child())
    assert isinstance((await house.run(COPY))[-1], TaskDone), "in another child"


@pytest.mark.parametrize("house", [{"look_s": 0.01}], indirect=True)
async def test_a_child_that_only_waits_may_do_so(house: House) -> None:
    await house.run(COPY)
    before = house.child()
    await asyncio.sleep(0.1)
    await house.run(COPY)
    assert house.child() == before


async def test_a_tree_too_deep_to_be_walked_through_costs_the_child_and_is_removed(
    house: House,
) -> None:
    await house.run(COPY)
    before = house.child()
    async with house.runner.room("default") as room:
        at = os.open(room.scratch, os.O_RDONLY)
        for _ in range(1_100):
            os.mkdir("d", dir_fd=at)
            below = os.open("d", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        os.close(at)
    assert isinstance((await house.run(COPY))[-1], TaskDone)
    assert not house.child() & before


async def test_a_child_whose_job_failed_serves_no_other(house: House) -> None:
    await house.run(COPY)
    first = house.child()
    (failed,) = (
        e for e in await house.run(step("bad_media", message="x")) if type(e) is TaskFailed
    )
    assert failed.error.code == "bad_media"
    assert await until(lambda: not house.child())
    await house.run(COPY)
    assert not house.child() & first


async def test_a_limit_is_of_each_job_and_not_of_all_before_it(house: House) -> None:
    nap = within(step("sleep", seconds=0.5), wall_s=1.0)
    for _ in range(3):
        assert isinstance((await house.run(nap))[-1], TaskDone)
    killed = (await house.run(within(step("sleep", seconds=30), wall_s=0.5)))[-1]
    assert isinstance(killed, TaskKilled)
    assert isinstance(killed.error, StepTimeout)
    assert isinstance((await house.run(nap))[-1], TaskDone), "in another child"


async def test_what_a_job_left_is_gone_before_the_next(house: House) -> None:
    async with house.runner.room("default") as room:
        await house.within(room, COPY)
        (room.scratch / "left").mkdir()
        (room.scratch / "left" / "file").write_bytes(b"x")
    async with house.runner.room("default") as again:
        assert again.scratch == room.scratch
        assert {each.name for each in again.scratch.iterdir()} == {".runner", again.out.name}
        assert not list(again.out.iterdir())
        assert not list((again.scratch.parent / "in").iterdir())


async def test_a_file_is_lent_for_one_job_only_and_cannot_be_changed(house: House) -> None:
    await house.runner.start()
    if not house.runner.capabilities.isolated_files:
        pytest.skip("files are not isolated here")
    async with house.runner.room("default") as room:
        work = await house.work(room, COPY)
        lent = work.tasks[0].source
        assert [report async for report in room.run(work)]
    for name in ("read_file", "write_outside"):
        last = (await house.run(step(name, path=str(lent))))[-1]
        assert isinstance(last, TaskFailed)
        assert isinstance(last.error, OperationFailed)


async def test_a_link_in_place_of_the_next_job_s_folder_ends_the_child(
    house: House, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"precious")
    async with house.runner.room("default") as room:
        await house.within(room, COPY)
        first = house.child()
        private = room.scratch / ".runner"
        private.rename(room.scratch / "elsewhere")
        private.symlink_to(precious)
    await house.run(COPY)
    assert (precious / "file").read_bytes() == b"precious"
    assert not house.child() & first


async def made_in(house: House, room: Room) -> Made:
    (done,) = (each for each in await house.within(room, COPY) if isinstance(each, TaskDone))
    return done.made[0]


async def test_small_products_are_read_while_the_child_lives(house: House) -> None:
    async with house.runner.room("default") as room:
        made = await made_in(house, room)
        assert await room.take(made, len(UPLOAD)) == UPLOAD
        assert house.child()


async def test_nobody_can_change_a_product_whose_file_is_taken(house: House) -> None:
    async with house.runner.room("default") as room:
        made = await made_in(house, room)
        assert await room.take(made, len(UPLOAD) - 1) is None
        assert await until(lambda: not house.child())
        assert made.path.read_bytes() == UPLOAD
    assert isinstance((await house.run(COPY))[-1], TaskDone)


@pytest.mark.parametrize("most", [0, 1000])
@pytest.mark.parametrize("folder", [False, True])
async def test_a_link_put_in_place_of_a_product_is_not_followed(
    house: House, tmp_path: Path, most: int, folder: bool
) -> None:
    async with house.runner.room("default") as room:
        made = await made_in(house, room)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / made.path.name).write_bytes(bytes(made.bytes))
        if folder:
            room.out.rename(room.scratch / "moved")
            room.out.symlink_to(elsewhere)
        else:
            made.path.unlink()
            made.path.symlink_to(elsewhere / made.path.name)
        with pytest.raises(OperationFailed):
            await room.take(made, most)


async def test_a_product_of_another_size_than_reported_is_not_taken(house: House) -> None:
    async with house.runner.room("default") as room:
        made = await made_in(house, room)
        made.path.write_bytes(UPLOAD * 2)
        with pytest.raises(OperationFailed, match="changed"):
            await room.take(made, 1000)


async def test_a_child_that_died_while_it_waited_is_replaced(house: House) -> None:
    await house.run(COPY)
    (first,) = (each for each in descendants() if each.pid in house.child())
    first.kill()
    assert await until(lambda: not house.child())
    assert isinstance((await house.run(COPY))[-1], TaskDone)


async def test_a_job_that_a_dying_child_never_began_goes_to_another(house: House) -> None:
    await house.run(COPY)
    before = house.child()
    (first,) = (each for each in descendants() if each.pid in before)
    first.suspend()
    precious = house.bench.folder / "precious"
    precious.mkdir()
    async with house.runner.room("default") as room:
        private = room.scratch / ".runner"
        private.rename(room.scratch / "elsewhere")
        private.symlink_to(precious)
        async with aclosing(room.run(await house.work(room, COPY))) as reports:
            given = asyncio.ensure_future(anext(reports))
            await asyncio.sleep(0.05)
            first.kill()
            assert isinstance(await given, TaskStarted)
            assert isinstance(await anext(reports), TaskDone)
        assert not house.child() & before
    assert not list(precious.iterdir()), "the other works in folders of its own"
    assert isinstance((await house.run(COPY))[-1], TaskDone)


async def test_a_job_whose_child_dies_at_it_is_not_done_again(house: House) -> None:
    await house.run(COPY)
    started, killed = await house.run(step("segfault"))
    assert isinstance(started, TaskStarted)
    assert isinstance(killed, TaskKilled)


async def test_rooms_outlive_their_zygote(house: House) -> None:
    await house.run(COPY)
    before = house.child()
    (zygote,) = children()
    zygote.kill()
    assert await until(lambda: not descendants())
    assert isinstance((await house.run(COPY))[-1], TaskDone)
    assert not house.child() & before


async def test_who_goes_away_early_ends_the_child(house: House) -> None:
    async with house.runner.room("default") as room:
        async with aclosing(room.run(await house.work(room, step("hang")))) as reports:
            await anext(reports)
        assert await until(lambda: not house.child())


async def test_a_runner_without_a_place_for_rooms_says_so() -> None:
    with pytest.raises(EngineMisconfigured, match="no rooms"):
        ForkRunner(MOCKS).room("default")
