"""The pipeline on memory engines."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.sandbox.runner import ForkRunner
from support.world import MOCKS, World


@pytest.fixture
async def runner() -> AsyncIterator[ForkRunner]:
    """A sandbox that knows the mock operations."""
    started = ForkRunner(operations=MOCKS)
    yield started
    await started.close()


@pytest.fixture
async def world(tmp_path: Path, runner: ForkRunner) -> World:
    """The pipeline on memory engines."""
    made = World(tmp=tmp_path, runner=runner)
    await made.start()
    return made
