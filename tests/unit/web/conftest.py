"""Sites to send requests to."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from mediakiln.web.app import create_app
from support.site import Site, http_client, services_of, serving
from support.world import NoRunner, World

OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def open_site(tmp_path: Path) -> AsyncIterator[OpenSite]:
    """Starts a site with the given settings."""
    async with AsyncExitStack() as stack:

        async def opened(*, world: World | None = None, **settings: Any) -> Site:
            behind = world or World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
            await behind.start()
            services = services_of(behind, **settings)
            server = await stack.enter_async_context(serving(create_app(services)))
            key = settings.get("owner_key")
            http = await stack.enter_async_context(
                http_client(server, headers={"Authorization": f"Bearer {key}"} if key else {})
            )
            return Site(world=behind, services=services, server=server, http=http)

        yield opened


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    """A site that lets everybody in."""
    return await open_site()
