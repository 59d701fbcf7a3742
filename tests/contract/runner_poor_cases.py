"""Cases for `runner_poor.py`: not collected elsewhere, since they need its filter."""

import pytest

from mediakiln.model.errors import EngineMisconfigured
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.testing.runner_tools import descendants


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
