"""The order in which the groups of these tests are handed out."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest comes first, so that no group is left to run alone at the end."""
    items.sort(key=_patience, reverse=True)


def _patience(item: pytest.Item) -> float:
    """Seconds a test is given, if it is given more than others."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0.0
