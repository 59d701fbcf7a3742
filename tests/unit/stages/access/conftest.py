"""A catalog, a clock, and everything about access over them."""

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.stages.access import Access
from support.world import Ticking

OWNER_KEY = "mk_the-owner's"


@pytest.fixture
def clock() -> Ticking:
    """A clock that stands still."""
    return Ticking()


@pytest.fixture
def catalog() -> MemoryCatalog:
    """Where everything is kept."""
    return MemoryCatalog.from_url("memory://")


@pytest.fixture
def access(catalog: MemoryCatalog, clock: Ticking) -> Access:
    """Access with an owner."""
    return Access(catalog, owner_key=OWNER_KEY, clock=clock)
