"""The command line as a whole."""

import subprocess
import sys

import pytest

from mediakiln.cli.main import app
from mediakiln.model.kind import Kind


@pytest.mark.parametrize("kind", list(Kind))
def test_kinds_are_written_as_everywhere_else(kind: Kind) -> None:
    _, bound, _ = app.parse_args(["run", "process", "--kinds", kind.value], exit_on_error=False)
    assert bound.arguments["kinds"] == (kind,)


def test_a_reader_who_has_seen_enough_causes_no_complaint() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "mediakiln", "operations", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        running.stdout.close()
        _, errors = running.communicate(timeout=60)
    assert errors == b""
    assert running.returncode == 1


def test_commands_that_talk_to_a_server_load_nothing_of_one() -> None:
    code = """
import sys
import mediakiln.cli.assets, mediakiln.cli.imports, mediakiln.cli.submit
rooms = ("adapters", "sandbox", "stages", "web")
print([name for name in sys.modules if name.startswith(tuple(f"mediakiln.{r}" for r in rooms))])
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
