from collections.abc import AsyncIterator

import pytest

from mediakiln.sandbox.runner import ForkRunner
from mediakiln.testing.runner import RunnerContract

MOCKS = "mediakiln.testing.mock_operations:OPERATIONS"


class TestForkRunner(RunnerContract):
    @pytest.fixture
    async def runner(self) -> AsyncIterator[ForkRunner]:
        runner = ForkRunner(MOCKS)
        yield runner
        await runner.close()
