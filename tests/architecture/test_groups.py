"""Tests of one `xdist_group` share a process, and with it what is started once for them."""

import shutil
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TESTS = """
import os
from pathlib import Path
import pytest

pytestmark = pytest.mark.xdist_group("{group}")

@pytest.mark.parametrize("number", range(6))
def test_a(number):
    Path(f"{group}-{{number}}").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""


def test_a_group_stays_together_and_its_tests_keep_their_names(tmp_path: Path) -> None:
    shutil.copy(CONFTEST, tmp_path)
    for group in ("one", "two"):
        (tmp_path / f"test_{group}.py").write_text(TESTS.format(group=group))
    (tmp_path / "pytest.ini").touch()
    command = ["-m", "pytest", "-n", "2", "--dist", "loadgroup", "-v", "-p", "no:schemathesis"]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    for group in ("one", "two"):
        workers = {path.read_text() for path in tmp_path.glob(f"{group}-?")}
        assert len(workers) == 1
    assert "test_one.py::test_a[0] \n" in done.stdout
