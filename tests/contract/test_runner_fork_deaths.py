"""What happens when the sandbox's own processes die, and where the kernel protects nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import uvloop

from mediakiln.model.errors import Crashed, EngineMisconfigured, EngineUnavailable
from mediakiln.ports.runner import Report, TaskDone, TaskKilled
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.testing.runner_tools import (
    Workbench,
    after,
    children,
    descendants,
    disregard_others,
    gone,
    running,
    step,
    until,
    within,
)

MOCKS = "mediakiln.testing.mock_operations:OPERATIONS"
HERE = Path(__file__).parent

WORKER = """
import asyncio, sys
from pathlib import Path
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.testing.runner_tools import Workbench, step

async def main():
    bench = Workbench(ForkRunner(sys.argv[1]), Path(sys.argv[2]))
    await asyncio.gather(*(bench.run(step("spawn_and_hang", marker=sys.argv[3])) for _ in range(3)))

asyncio.run(main())
"""


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    runner = ForkRunner(MOCKS)
    yield Workbench(runner, tmp_path)
    await runner.close()


@pytest.fixture(autouse=True)
def only_this_test_s_processes() -> None:
    disregard_others()


def zygote() -> psutil.Process:
    (found,) = children()
    return found


async def hanging(bench: Workbench, marker: str) -> "asyncio.Task[list[Report]]":
    """A job whose program is known to run."""
    job = asyncio.create_task(bench.run(step("spawn_and_hang", marker=marker)))
    assert await until(lambda: running(marker))
    return job


@pytest.mark.faults
async def test_a_killed_zygote_takes_its_jobs_along_and_is_replaced(bench: Workbench) -> None:
    job = await hanging(bench, "mediakiln-lost-zygote")
    zygote().kill()
    last = (await job)[-1]
    assert isinstance(last, TaskKilled)
    assert isinstance(last.error, Crashed)
    assert await gone("mediakiln-lost-zygote")
    assert isinstance(await bench.done(step("copy")), TaskDone)


@pytest.mark.faults
async def test_a_zygote_killed_between_jobs_is_replaced_unnoticed(bench: Workbench) -> None:
    await bench.done(step("copy"))
    for _ in range(3):
        zygote().kill()
        await bench.done(step("copy"))


@pytest.mark.faults
async def test_a_child_killed_from_outside_is_a_crash(bench: Workbench) -> None:
    job = await hanging(bench, "mediakiln-killed-child")
    (child,) = zygote().children()
    child.kill()
    last = (await job)[-1]
    assert isinstance(last, TaskKilled)
    assert last.error.context == {"signal": "SIGKILL"}
    assert await gone("mediakiln-killed-child")


@pytest.mark.faults
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
async def test_a_killed_worker_leaves_no_process(tmp_path: Path, ending: signal.Signals) -> None:
    marker = f"mediakiln-orphan-{ending.name}"
    arguments = [sys.executable, "-c", WORKER, MOCKS, str(tmp_path), marker]
    worker = await asyncio.create_subprocess_exec(*arguments, stderr=subprocess.DEVNULL)
    assert await until(lambda: len(running(marker)) == 1 + 3)  # the worker and three programs
    tree = descendants()
    assert len(tree) == 1 + 1 + 3 + 3  # worker, zygote, children, programs
    worker.send_signal(ending)
    await worker.wait()
    assert await until(lambda: not any(each.is_running() for each in tree))


async def test_a_stopped_neighbour_is_ended_without_its_help(bench: Workbench) -> None:
    job = asyncio.create_task(bench.killed(within(step("hang"), wall_s=2.0)))
    await bench.done(step("copy"))
    (child,) = zygote().children()
    os.kill(child.pid, signal.SIGSTOP)
    assert (await job).error.code == "step_timeout"


async def test_the_zygote_has_one_thread_and_sees_no_network(bench: Workbench) -> None:
    await bench.runner.start()
    assert zygote().num_threads() == 1
    if "active" in dict(bench.runner.capabilities.detail)["network namespace"]:
        lines = Path(f"/proc/{zygote().pid}/net/dev").read_text().splitlines()
        assert [line.split(":")[0].strip() for line in lines[2:]] == ["lo"]


async def test_libraries_are_imported_on_first_need_and_shared(bench: Workbench) -> None:
    await bench.done(step("copy"))
    assert "libvips" not in Path(f"/proc/{zygote().pid}/maps").read_text()
    await bench.done(step("needs_vips"))
    assert "libvips" in Path(f"/proc/{zygote().pid}/maps").read_text()
    assert zygote().num_threads() == 1


async def test_a_library_that_starts_a_thread_is_left_to_the_jobs(bench: Workbench) -> None:
    await bench.done(step("needs_thread"), after("step", step("needs_thread", "again")))
    assert zygote().num_threads() == 1


async def test_operations_that_cannot_be_loaded_are_named_at_the_start() -> None:
    runner = ForkRunner("mediakiln.testing.mock_operations:NOTHING")
    with pytest.raises(EngineMisconfigured, match="NOTHING"):
        await runner.start()
    assert descendants() == []
    await runner.close()


def test_it_runs_on_uvloop(tmp_path: Path) -> None:
    async def main() -> Report:
        runner = ForkRunner(MOCKS)
        try:
            return await Workbench(runner, tmp_path).killed(within(step("hang"), wall_s=0.5))
        finally:
            await runner.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        assert isinstance(loop.run(main()), TaskKilled)


def poor(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """pytest where neither namespaces nor Landlock are allowed."""
    command = [sys.executable, str(HERE / "runner_poor.py"), "-q", "-p", "no:cacheprovider"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def test_without_kernel_protection_jobs_are_still_bounded_and_swept() -> None:
    names = "left_behind or fork_bomb or wherever_it_is_used or after_close or keeps_the_reports"
    result = poor(str(HERE / "test_runner_fork.py"), "-k", names)
    assert result.returncode == 0, result.stdout
    assert "skipped" not in result.stdout


def test_without_kernel_protection_a_strict_runner_does_not_start() -> None:
    result = poor(str(HERE / "runner_poor_cases.py"))
    assert result.returncode == 0, result.stdout


async def test_a_cancelled_start_leaves_no_process() -> None:
    runner = ForkRunner(operations=MOCKS)
    starting = asyncio.create_task(runner.start())
    await asyncio.sleep(0.02)
    starting.cancel()
    await asyncio.wait([starting])
    assert starting.cancelled()
    assert not descendants()
    await runner.close()


@pytest.mark.faults
async def test_a_zygote_killed_while_it_starts_is_an_outage_and_no_wrong_setting() -> None:
    runner = ForkRunner(MOCKS)
    starting = asyncio.create_task(runner.start())
    assert await until(children)
    children()[0].kill()
    with pytest.raises(EngineUnavailable):
        await starting
    await runner.start()
    await runner.close()
