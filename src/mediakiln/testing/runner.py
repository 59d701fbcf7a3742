"""`RunnerContract`: what every runner must pass.

Subclass it with a `runner` fixture that has the operations of `testing.mock_operations`:

    class TestMyRunner(RunnerContract):
        @pytest.fixture
        async def runner(self):
            runner = MyRunner("mediakiln.testing.mock_operations:OPERATIONS")
            yield runner
            await runner.close()
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest
from blake3 import blake3

from mediakiln.model.errors import (
    BadMedia,
    Crashed,
    InvalidRecipe,
    OperationFailed,
    UnsupportedMedia,
)
from mediakiln.ports.runner import (
    Report,
    Runner,
    TaskDone,
    TaskFailed,
    TaskKilled,
    TaskStarted,
)
from mediakiln.testing.runner_asking import RunnerAsking
from mediakiln.testing.runner_isolation import RunnerIsolation
from mediakiln.testing.runner_limits import RunnerLimits
from mediakiln.testing.runner_tools import (
    UPLOAD,
    Workbench,
    after,
    descendants,
    gone,
    step,
    within,
)


class RunnerReports:
    """What is said of each task, and in which order."""

    @pytest.fixture
    def bench(self, runner: Runner, tmp_path: Path) -> Workbench:
        """Makes and runs jobs of mock operations."""
        return Workbench(runner, tmp_path)

    async def test_a_product_is_reported_with_its_size_and_checksum(self, bench: Workbench) -> None:
        started, done = await bench.run(step("copy", file="deep/er/copy.bin"))
        assert started == TaskStarted("step")
        assert isinstance(done, TaskDone)
        (made,) = done.made
        assert made.product.file == "deep/er/copy.bin"
        assert made.path.read_bytes() == UPLOAD
        assert made.bytes == len(UPLOAD)
        assert made.checksum == f"blake3:{blake3(UPLOAD).hexdigest()}"
        assert 0 <= done.seconds < 10
        assert done.tools["pydantic"].count(".") == 2

    async def test_a_step_works_on_another_steps_product(self, bench: Workbench) -> None:
        first = step("copy", "first", file="a.txt", times=2, media_type="text/plain")
        done = await bench.done(first, after("first", step("copy", "second"), "a.txt-1"))
        assert done.made[0].path.read_bytes() == UPLOAD

    async def test_a_product_that_was_not_made_cannot_be_worked_on(self, bench: Workbench) -> None:
        made = step("copy", "first", file="a.txt")
        failed = await bench.failed(made, after("first", step("copy", "second"), "b.txt"))
        assert isinstance(failed.error, InvalidRecipe)
        assert failed.error.context["allowed"] == ["first/a.txt"]

    async def test_a_product_of_the_wrong_type_is_not_worked_on(self, bench: Workbench) -> None:
        made = step("copy", "first", media_type="image/png")
        failed = await bench.failed(made, after("first", step("only_text", "second")))
        assert isinstance(failed.error, UnsupportedMedia)
        assert failed.error.context["allowed"] == ["text/*"]

    async def test_an_error_keeps_its_class_its_words_and_its_context(
        self, bench: Workbench
    ) -> None:
        failed = await bench.failed(step("bad_media", message="no end of image"))
        assert type(failed.error) is BadMedia
        assert failed.error.message == "no end of image"
        assert failed.error.context == {"offset": 12}

    async def test_an_unexpected_exception_is_an_operation_failure(self, bench: Workbench) -> None:
        failed = await bench.failed(step("raise", message="by nought"))
        assert type(failed.error) is OperationFailed
        assert failed.error.message == "ZeroDivisionError: by nought"
        assert "Traceback" not in str(failed.error.context)

    async def test_wrong_parameters_and_unknown_operations_are_named(
        self, bench: Workbench
    ) -> None:
        wrong = await bench.failed(step("copy", tmies=2))
        assert isinstance(wrong.error, InvalidRecipe)
        assert wrong.error.context["field"] == "tmies"
        unknown = await bench.failed(step("levitate"))
        assert isinstance(unknown.error, InvalidRecipe)
        assert "mock.copy" in unknown.error.context["allowed"]

    async def test_only_tasks_that_need_a_failed_one_are_passed_over(
        self, bench: Workbench
    ) -> None:
        reports = await bench.run(
            step("raise", "bad"),
            after("bad", step("copy", "child")),
            after("child", step("copy", "grandchild")),
            step("copy", "good"),
        )
        assert [(type(each), each.name) for each in reports] == [
            (TaskStarted, "bad"),
            (TaskFailed, "bad"),
            (TaskStarted, "good"),
            (TaskDone, "good"),
        ]

    @pytest.mark.parametrize("operation", ["segfault", "abort", "exit"])
    async def test_a_crash_keeps_the_reports_of_earlier_tasks(
        self, bench: Workbench, operation: str
    ) -> None:
        reports = await bench.run(
            step("copy", "first"), step(operation, "second"), step("copy", "third")
        )
        assert [type(each) for each in reports] == [TaskStarted, TaskDone, TaskStarted, TaskKilled]
        last = cast("TaskKilled", reports[-1])
        assert last.name == "second"
        assert isinstance(last.error, Crashed)
        assert last.error.retryable

    async def test_a_second_attempt_can_succeed(self, bench: Workbench) -> None:
        work = bench.work(step("flaky", marker="been-here"))
        first = [report async for report in bench.runner.run(work)]
        second = [report async for report in bench.runner.run(work)]
        assert isinstance(first[-1], TaskKilled)
        assert isinstance(second[-1], TaskDone)

    async def test_much_output_and_many_products_do_no_harm(self, bench: Workbench) -> None:
        done = await bench.done(step("copy", times=1000, print_bytes=10_000_000))
        assert len(done.made) == 1000

    async def test_metadata_without_measure_are_refused(self, bench: Workbench) -> None:
        failed = await bench.failed(step("copy", metadata_bytes=50_000_000))
        assert isinstance(failed.error, OperationFailed)
        assert failed.error.context["value"] > failed.error.context["limit"]

    async def test_a_product_outside_its_folder_is_refused(self, bench: Workbench) -> None:
        files = [
            "../upload-1",
            "/etc/hostname",
            "",
            ".",
            "a//b",
            "a/../b",
            "nul\0",
            "none",
            "x" * 5000,
        ]
        steps = [step("name_product", f"s{n}", path=file) for n, file in enumerate(files)]
        assert _refused(await bench.run(*steps)) == len(files)

    async def test_a_link_is_no_product(self, bench: Workbench) -> None:
        targets = ["/etc/hostname", "../../upload-1", "missing", "/dev/zero"]
        steps = [step("symlink_product", f"s{n}", path=to) for n, to in enumerate(targets)]
        assert _refused(await bench.run(*steps)) == len(targets)


def _refused(reports: Sequence[Report]) -> int:
    failed = [each for each in reports if isinstance(each, TaskFailed)]
    assert {type(each.error) for each in failed} == {OperationFailed}
    return len(failed)


class RunnerLife:
    """Many jobs at once, ends before the end, and nothing left behind."""

    async def test_fifty_jobs_run_four_at_a_time(self, bench: Workbench) -> None:
        turns = asyncio.Semaphore(4)

        async def one() -> Report:
            async with turns:
                return await bench.done(step("copy", "a"), after("a", step("copy", "b")))

        assert len(await asyncio.gather(*(one() for _ in range(50)))) == 50

    async def test_a_job_is_not_disturbed_by_a_neighbours_end(self, bench: Workbench) -> None:
        bad = asyncio.create_task(bench.killed(within(step("eat_memory", mb=2000), memory_mb=300)))
        slowest = 0.0
        while not bad.done():
            started = time.monotonic()
            await bench.done(step("copy"))
            slowest = max(slowest, time.monotonic() - started)
        assert (await bad).error.code == "memory_limit"
        assert slowest < 3

    async def test_closing_the_iterator_early_ends_the_child(self, bench: Workbench) -> None:
        work = bench.work(step("spawn_and_hang", marker="mediakiln-early-close"))
        async with aclosing(bench.runner.run(work)) as reports:  # type: ignore[type-var]
            assert await anext(reports) == TaskStarted("step")
        assert await gone("mediakiln-early-close")
        assert isinstance(await bench.done(step("copy")), TaskDone)

    async def test_cancelling_the_consumer_ends_the_child(self, bench: Workbench) -> None:
        begun = asyncio.Event()
        work = bench.work(step("spawn_and_hang", marker="mediakiln-cancelled"))

        async def consume() -> None:
            async with aclosing(bench.runner.run(work)) as reports:  # type: ignore[type-var]
                async for _ in reports:
                    begun.set()

        task = asyncio.create_task(consume())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await gone("mediakiln-cancelled")

    async def test_a_program_left_behind_ends_with_its_job(self, bench: Workbench) -> None:
        done = await bench.done(step("spawn", seconds=300))
        assert await gone(done.made[0].path.read_text())

    async def test_nothing_is_left_after_close(self, bench: Workbench) -> None:
        jobs = [
            asyncio.create_task(bench.run(step("spawn_and_hang", marker="mediakiln-closed")))
            for _ in range(3)
        ]
        await bench.done(step("copy"))
        await bench.runner.close()
        for reports in await asyncio.gather(*jobs):
            assert isinstance(reports[-1], TaskKilled)
        assert await gone("mediakiln-closed")
        assert descendants() == []

    async def test_it_runs_again_after_close(self, bench: Workbench) -> None:
        await bench.done(step("copy"))
        await bench.runner.close()
        await bench.done(step("copy"))

    async def test_starting_twice_is_starting_once(self, bench: Workbench) -> None:
        await asyncio.gather(*(bench.runner.start() for _ in range(5)))
        before = len(descendants())
        await bench.runner.start()
        assert len(descendants()) == before


class RunnerContract(RunnerReports, RunnerLimits, RunnerIsolation, RunnerAsking, RunnerLife):
    """Every promise of the port."""
