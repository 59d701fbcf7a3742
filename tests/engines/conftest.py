"""The order in which the groups of these tests are handed out."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups with tests that wait for minutes come first, so that none ends alone at the last."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
