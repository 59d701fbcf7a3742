"""A PostgreSQL server of a test's own, to be stopped and killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_ENGINES = Path(__file__).parents[2] / "engines"


class OwnServer:
    """Started in a folder by the scripts that users start theirs with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def url(self) -> str:
        """As the role that may do everything."""
        kept = json.loads((self._folder / "postgres" / "settings.json").read_text())
        return str(kept["MEDIAKILN_TEST_POSTGRES"])

    def up(self) -> None:
        """Start it, on the port it had before."""
        self._run("up")

    def down(self) -> None:
        """Stop it as an administrator would: sessions are cut off, nothing is lost."""
        self._run("down")

    def remove(self) -> None:
        """Stop it and leave nothing of it."""
        self._run("down", "--wipe")

    def crash(self) -> None:
        """Kill every process of it at once."""
        first = int((self._folder / "postgres" / "postgres.pid").read_text().split()[0])
        others = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for pid in (first, *map(int, others)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._run("down")

    def _run(self, verb: str, *options: str) -> None:
        command = [
            sys.executable,
            f"{_ENGINES}/{verb}",
            "postgres",
            "--data",
            f"{self._folder}",
            *options,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "was not found" in done.stderr:
            pytest.skip(done.stderr.splitlines()[-1])
        assert done.returncode == 0, done.stderr
