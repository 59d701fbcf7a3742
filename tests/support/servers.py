"""Servers that tests are given by the environment; see `engines/up`."""

import os

import pytest


def server(variable: str, name: str) -> str:
    """What `MEDIAKILN_TEST_{variable}` says; without it the test is skipped, and says why."""
    found = os.environ.get(f"MEDIAKILN_TEST_{variable}")
    if not found:
        pytest.skip(f'needs {name}: make test-engines, or eval "$(engines/up {name})"')
    return found
