"""A server that wants a key, and both clients of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.client import AsyncClient, Client
from mediakiln.web.app import create_app
from support.clients import KEY, Do, doing
from support.site import Site, http_client, services_of, serving
from support.world import NoRunner, World


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A server that wants a key."""
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await world.start()
    services = services_of(world, owner_key=KEY)
    async with serving(create_app(services)) as server, http_client() as http:
        yield Site(world=world, services=services, server=server, http=http)


@pytest.fixture(params=[Client, AsyncClient])
async def do(request: pytest.FixtureRequest, site: Site) -> AsyncIterator[Do]:
    """Calls a method of either client; iterators come as lists."""
    async with doing(request.param, site.url) as call:
        yield call
