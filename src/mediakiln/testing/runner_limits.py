"""The runner contract's part on limits: each is enforced, and its error says what was too much."""

import time

import pytest

from mediakiln.model.errors import (
    MemoryExceeded,
    SandboxKill,
    ScratchExceeded,
    StepTimeout,
    TooManyProcesses,
)
from mediakiln.ports.runner import TaskDone, TaskKilled
from mediakiln.testing.runner_tools import Workbench, step, within


def _names_its_limit(error: SandboxKill, limit: float) -> bool:
    context = error.context
    return context["limit"] == limit and context["value"] >= limit and f"{limit:g}" in error.message


class RunnerLimits:
    """Time, processor, memory, space, processes."""

    async def test_a_hang_is_ended_at_the_wall_clock_limit(self, bench: Workbench) -> None:
        started = time.monotonic()
        killed = await bench.killed(within(step("hang"), wall_s=1.5))
        assert type(killed.error) is StepTimeout
        assert _names_its_limit(killed.error, 1.5)
        assert 1.5 < time.monotonic() - started < 6

    async def test_each_task_has_the_whole_wall_clock_limit(self, bench: Workbench) -> None:
        steps = [within(step("sleep", f"s{n}", seconds=0.7), wall_s=2.0) for n in range(4)]
        assert isinstance((await bench.run(*steps))[-1], TaskDone)

    async def test_processor_time_is_limited(self, bench: Workbench) -> None:
        killed = await bench.killed(within(step("spin"), cpu_s=1.0))
        assert type(killed.error) is StepTimeout
        assert _names_its_limit(killed.error, 1.0)

    @pytest.mark.parametrize("where", ["here", "program"])
    async def test_memory_is_limited_wherever_it_is_used(
        self, bench: Workbench, where: str
    ) -> None:
        killed = await bench.killed(within(step("eat_memory", mb=3000, where=where), memory_mb=300))
        assert type(killed.error) is MemoryExceeded
        assert _names_its_limit(killed.error, 300)

    async def test_memory_asked_for_in_one_piece_is_refused(self, bench: Workbench) -> None:
        failed = await bench.failed(within(step("allocate", mb=400_000), memory_mb=300))
        assert type(failed.error) is MemoryExceeded

    @pytest.mark.parametrize("where", ["here", "unlinked"])
    async def test_scratch_space_is_limited_even_in_files_without_a_name(
        self, bench: Workbench, where: str
    ) -> None:
        filled = step("fill_scratch", mb=120, where=where)
        killed = await bench.killed(within(filled, scratch_mb=100))
        assert type(killed.error) is ScratchExceeded
        assert _names_its_limit(killed.error, 100)

    async def test_one_file_cannot_exceed_the_scratch_limit(self, bench: Workbench) -> None:
        failed = await bench.failed(within(step("copy", print_bytes=20_000_000), scratch_mb=10))
        assert type(failed.error) is ScratchExceeded

    async def test_earlier_products_do_not_count_against_a_later_task(
        self, bench: Workbench
    ) -> None:
        steps = [
            within(step("fill_and_keep", f"s{number}", mb=60), scratch_mb=100)
            for number in range(3)
        ]
        assert isinstance((await bench.run(*steps))[-1], TaskDone)

    async def test_a_fork_bomb_is_bounded(self, bench: Workbench) -> None:
        reports = await bench.run(within(step("fork_bomb", count=2000), memory_mb=100_000))
        killed = reports[-1]
        assert isinstance(killed, TaskKilled)
        assert isinstance(killed.error, TooManyProcesses)
        assert killed.error.context["value"] < 1500
        assert isinstance(await bench.done(step("copy")), TaskDone)
