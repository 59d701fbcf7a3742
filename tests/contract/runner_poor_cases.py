"""Cases for `runner_poor.py`: not collected elsewhere, since they need its filter."""

import asyncio
from pathlib import Path

import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.ports.runner import TaskKilled
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.testing.runner_tools import Workbench, descendants, gone, running, step, until


async def test_a_strict_runner_refuses_and_says_what_is_missing() -> None:
    runner = ForkRunner(require_isolation=True)
    with pytest.raises(EngineMisconfigured, match="landlock: this kernel has no Landlock"):
        await runner.start()
    assert descendants() == []


async def test_a_lenient_runner_warns_and_works(caplog: pytest.LogCaptureFixture) -> None:
    runner = ForkRunner()
    await runner.start()
    assert "not isolated" in caplog.text
    assert not runner.capabilities.isolated_files
    assert runner.capabilities.isolated_process
    await runner.close()


async def test_programs_of_jobs_end_with_the_zygote(tmp_path: Path) -> None:
    runner = ForkRunner("mediakiln.testing.mock_operations:OPERATIONS")
    bench = Workbench(runner, tmp_path)
    job = asyncio.create_task(bench.run(step("spawn_and_hang", marker="mediakiln-poor-close")))
    assert await until(lambda: running("mediakiln-poor-close"))
    assert runner._link is not None
    await runner._link.close()
    assert isinstance((await job)[-1], TaskKilled)
    assert await gone("mediakiln-poor-close")
    await runner.close()
