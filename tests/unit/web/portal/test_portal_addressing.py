"""Which pages offer addresses of images, and to whom."""

from collections.abc import Awaitable, Callable

import pytest

from mediakiln.model.access import Scope
from mediakiln.model.asset import Asset
from mediakiln.stages.ledger import Change
from support import media
from support.images import Painter, a_derive, the_rules
from support.site import Site
from support.world import NoRunner, World

KEY = "mk_a-key-of-the-owner"
HTML = {"Accept": "text/html"}
PRESETS = {"thumb": "w_200,h_200", "hero": "w_900/f_auto"}

OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def site(open_site: OpenSite, tmp_path: object) -> Site:
    """A site that makes images, with presets."""
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await world.start()
    derive = a_derive(world, Painter())
    return await open_site(
        world=world, owner_key=KEY, derive=derive, image_rules=the_rules(presets=PRESETS)
    )


async def an_asset(site: Site, **facts: str) -> Asset:
    """An upload that was looked at."""
    asset = await site.world.upload(media.jpeg(), name="photo.jpg")
    facts = {"kind": "image", "media_type": "image/jpeg", "state": "ready"} | facts

    def looked_at(asset: Asset) -> Change:
        return Change(Asset.model_validate({**asset.model_dump(), **facts}))

    return await site.world.ledger.change(asset.id, looked_at)


async def page(site: Site, asset: Asset, key: str = KEY) -> str:
    headers = {**HTML, "Authorization": f"Bearer {key}"}
    answer = await site.http.get(f"/assets/{asset.id}", headers=headers)
    assert answer.status_code == 200
    return answer.text


async def test_an_image_s_page_offers_presets_and_says_which_have_several_parts(
    site: Site,
) -> None:
    shown = await page(site, await an_asset(site))
    assert "data-address" in shown
    assert '<option value="thumb">thumb</option>' in shown
    assert '<option value="hero" data-several>hero</option>' in shown


@pytest.mark.parametrize(
    "facts", [{"kind": "document", "media_type": "text/plain"}, {"state": "rejected"}]
)
async def test_what_is_no_image_is_offered_none(site: Site, facts: dict[str, str]) -> None:
    assert "data-address" not in await page(site, await an_asset(site, **facts))


async def test_only_who_may_process_signs_and_has_images_made_anew(site: Site) -> None:
    asset = await an_asset(site)
    _, key = await site.services.access.keys.create(
        name="reads", scopes=(Scope.READ,), project="default", by="owner"
    )
    for shown, may in ((await page(site, asset), True), (await page(site, asset, key), False)):
        assert ("data-process" in shown) is may
        assert ("data-purge" in shown) is may
        assert ('name="seconds"' in shown) is may
