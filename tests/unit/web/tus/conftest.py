"""A client of the protocol."""

import pytest

from support.site import Site
from support.tus import TusClient


@pytest.fixture
def tus(site: Site) -> TusClient:
    return TusClient(site.http)
