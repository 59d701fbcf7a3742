"""The order in which the groups of these tests are handed out, and what all of them share."""

import functools
import signal
from collections.abc import Iterator

import botocore.session
import pytest


def pytest_configure() -> None:
    """SIGTERM ends a run as Ctrl-C does: what a test has started it still stops."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest comes first, so that no group is left to run alone at the end."""
    items.sort(key=_patience, reverse=True)


def _patience(item: pytest.Item) -> float:
    """Seconds a test is given, if it is given more than others."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0.0


@pytest.fixture(scope="session", autouse=True)
def _descriptions_read_once() -> Iterator[None]:
    """Amazon's SDK reads megabytes of JSON for every session: most of what a short test costs."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(botocore.session.create_loader)
        patch.setattr(botocore.session, "create_loader", once)
        yield
