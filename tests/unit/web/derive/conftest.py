"""Sites that make images."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from mediakiln.model.asset import Asset
from mediakiln.stages.ledger import Change
from support import media
from support.gallery import OWNER, Gallery
from support.images import Painter, a_derive, the_rules
from support.site import Site
from support.world import NoRunner, World

OpenSite = Callable[..., Awaitable[Site]]
OpenGallery = Callable[..., Awaitable[Gallery]]


@pytest.fixture
async def open_gallery(open_site: OpenSite, tmp_path: Any) -> AsyncIterator[OpenGallery]:
    """Starts a site that makes images; its client sends no key."""
    made: list[Gallery] = []

    async def opened(*, workers: int = 4, waiting: int = 4, **rules: Any) -> Gallery:
        world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
        await world.start()
        painter = Painter()
        derive = a_derive(world, painter, workers=workers, waiting=waiting)
        site = await open_site(
            world=world, owner_key=OWNER, derive=derive, image_rules=the_rules(**rules)
        )
        del site.http.headers["authorization"]
        asset = await world.upload(media.jpeg(), name="photo.jpg")
        asset = await world.ledger.change(asset.id, _classified)
        made.append(Gallery(site, painter, derive, asset))
        return made[-1]

    yield opened
    for gallery in made:
        gallery.painter.go.set()
        await gallery.derive.close()


def _classified(asset: Asset) -> Change:
    facts = {"media_type": "image/jpeg", "state": "ready"}
    return Change(Asset.model_validate({**asset.model_dump(), **facts}))


@pytest.fixture
async def gallery(open_gallery: OpenGallery) -> Gallery:
    return await open_gallery()
