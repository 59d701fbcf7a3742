"""Servers that tests are given by the environment; see `engines/up`."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_ENGINES = Path(__file__).parents[2] / "engines"


def server(variable: str, name: str) -> str:
    """What `MEDIAKILN_TEST_{variable}` says; without it the test is skipped, and says why."""
    found = os.environ.get(f"MEDIAKILN_TEST_{variable}")
    if not found:
        pytest.skip(f'needs {name}: make test-engines, or eval "$(engines/up {name})"')
    return found


@contextmanager
def own_servers(names: Sequence[str], folder: Path) -> Iterator[None]:
    """Servers that nobody else uses, which `server` finds as long as the block runs.

    A test that holds or kills its servers leaves those alone that others are working with.
    Skips where a server of that name is not wanted.
    """
    for name in names:
        server(name.upper(), name)
    try:
        said = _engines("up", folder, *names)
        with pytest.MonkeyPatch.context() as environment:
            for word in shlex.split(said):
                variable, assigns, value = word.partition("=")
                if assigns:
                    environment.setenv(variable, value)
            yield
    finally:
        _engines("down", folder, "--wipe", *names)


def _engines(command: str, folder: Path, *arguments: str) -> str:
    argv = [sys.executable, str(_ENGINES / command), "--data", str(folder), *arguments]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
