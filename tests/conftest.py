"""Fixtures that every room shares."""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId

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


@pytest.hookimpl(wrapper=True)
def pytest_collection_finish(session: pytest.Session) -> Generator[None]:
    """While the controller is told the tests' ids, say in them which group each is in.

    xdist 3.8 means to, but writes it where pytest 9.2 does not look. Only meanwhile, since reports
    and the memory of what failed name tests as everybody does.
    """
    plain = {item: item._id for item in session.items}
    if hasattr(session.config, "workerinput") and session.config.getvalue("loadgroup"):
        for item in session.items:
            groups = sorted({mark.args[0] for mark in item.iter_markers("xdist_group")})
            if groups and "@" not in item.nodeid.rpartition("]")[2]:
                item._id = NodeId.parse(f"{item.nodeid}@{'_'.join(groups)}")
    try:
        return (yield)
    finally:
        for item, id in plain.items():
            item._id = id


@pytest.fixture
def samples() -> Path:
    """A folder of real files, with `samples/` and `malformed/` in it."""
    folder = os.environ.get("MEDIAKILN_SAMPLES")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MEDIAKILN_SAMPLES names no folder of real files")
    return Path(folder)
