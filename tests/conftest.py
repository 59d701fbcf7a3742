"""Fixtures that every room shares."""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("mediakiln.testing")


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: half as many again as processors, since tests wait, too."""
    return len(os.sched_getaffinity(0)) * 3 // 2 or 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep modules and tests, half a gigabyte that stays, out of the garbage collector's sight."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def samples() -> Path:
    """A folder of real files, with `samples/` and `malformed/` in it."""
    folder = os.environ.get("MEDIAKILN_SAMPLES")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MEDIAKILN_SAMPLES names no folder of real files")
    return Path(folder)
