"""Which pictures the page shows, how large, and for whom."""

import re
from collections.abc import Awaitable, Callable
from html import unescape
from typing import Any

import pytest

from mediakiln.model.access import Scope
from mediakiln.model.asset import Asset
from mediakiln.ports.operation import OperationSet
from mediakiln.stages.ledger import Change
from mediakiln.stages.recipes import RecipeBook
from mediakiln.web.portal.findings import finding
from mediakiln.web.portal.pictures import Picture
from support import media
from support.images import Painter, a_derive, the_rules
from support.site import Site, publish
from support.world import NoRunner, World

KEY = "mk_a-key-of-the-owner"
HTML = {"Accept": "text/html"}

OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def site(open_site: OpenSite, tmp_path: object) -> Site:
    """A site that makes images."""
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await world.start()
    return await open_site(
        world=world,
        owner_key=KEY,
        derive=a_derive(world, Painter()),
        image_rules=the_rules(),
        recipes=RecipeBook(OperationSet.installed()),
    )


async def a_photo(site: Site, **facts: Any) -> Asset:
    """A large upload that was looked at."""
    asset = await site.world.upload(media.jpeg(), name="photo.jpg")
    told = {"width": 3024, "height": 4032, "orientation": 6}
    looked = {"kind": "image", "media_type": "image/jpeg", "state": "ready", "metadata": told}

    def looked_at(asset: Asset) -> Change:
        new = {**asset.model_dump(), "bytes": 5_000_000, **looked, **facts}
        return Change(Asset.model_validate(new))

    return await site.world.ledger.change(asset.id, looked_at)


async def page(site: Site, path: str, key: str = KEY) -> str:
    answer = await site.http.get(path, headers={**HTML, "Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    return answer.text


def images(page: str) -> list[dict[str, str]]:
    """The attributes of every picture."""
    tags = re.findall(r"<img ([^>]*data-picture)", page)
    return [
        {name: unescape(said) for name, said in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        for tag in tags
    ]


async def test_a_large_photo_is_shown_by_an_image_of_the_size_it_is_seen_at(site: Site) -> None:
    asset = await a_photo(site)
    [thumb] = images(await page(site, "/"))
    assert "/w_48,h_48,fit_cover,f_webp,animated_false,v_" in thumb["src"]
    assert thumb["loading"] == "lazy"
    assert [each.rpartition(" ")[2] for each in thumb["srcset"].split(", ")] == ["1x", "2x", "3x"]
    [shown] = images(await page(site, f"/assets/{asset.id}"))
    assert "/w_384,h_384," in shown["src"]
    assert (shown["width"], shown["height"]) == ("3024", "4032")
    for address in (shown["src"], *(each.split(" ")[0] for each in thumb["srcset"].split(", "))):
        assert (await site.http.get(address, headers={"Authorization": ""})).status_code == 200


async def test_the_signature_ends_soon_and_the_address_stays_for_the_day(site: Site) -> None:
    await a_photo(site)
    [first], [again] = [images(await page(site, "/")) for _ in range(2)]
    assert first == again
    assert re.match(r"/i/s_[\w-]+/exp_\d+00/w_48", first["src"])


async def test_who_may_not_sign_has_addresses_that_the_session_opens(site: Site) -> None:
    await a_photo(site)
    _, key = await site.services.access.keys.create(
        "reads", scopes=(Scope.READ,), project="default", by="owner"
    )
    [thumb] = images(await page(site, "/", key))
    assert thumb["src"].startswith("/i/w_48")
    stranger = await site.http.get(thumb["src"], headers={"Authorization": ""})
    assert stranger.status_code == 401
    reader = await site.http.get(thumb["src"], headers={"Authorization": f"Bearer {key}"})
    assert reader.status_code == 200


async def test_small_files_are_shown_as_they_are(site: Site) -> None:
    asset = await a_photo(site, bytes=20_000)
    for path in ("/", f"/assets/{asset.id}"):
        [shown] = images(await page(site, path))
        assert shown["src"].startswith(f"/v1/assets/{asset.id}/original")
        assert "srcset" not in shown


async def test_a_type_that_no_browser_shows_is_seen_all_the_same(site: Site) -> None:
    asset = await a_photo(site, media_type="image/heic", bytes=20_000)
    for path in ("/", f"/assets/{asset.id}"):
        [shown] = images(await page(site, path))
        assert shown["src"].startswith("/i/")


async def test_a_small_product_goes_before_an_image_that_would_have_to_be_made(site: Site) -> None:
    asset = await a_photo(site)
    await publish(site.world, asset.id, "thumb", {"thumb.webp": b"small"})
    [thumb] = images(await page(site, "/"))
    assert thumb["src"].startswith(f"/v1/assets/{asset.id}/products/thumb?v=")


async def test_of_large_products_an_image_is_made(site: Site) -> None:
    asset = await a_photo(site, kind="document", media_type="application/pdf")
    await publish(site.world, asset.id, "pages", {"1.webp": bytes(200_000)})
    for path in ("/", f"/assets/{asset.id}"):
        [shown] = images(await page(site, path))
        assert ",from_pages" in shown["src"]
        assert (await site.http.get(shown["src"])).status_code == 200


@pytest.mark.parametrize(
    "facts",
    [
        {"state": "rejected"},
        {"state": "processing"},
        {"state": "failed", "error": {"code": "too_many_pixels", "message": "too many"}},
        {"kind": "image", "media_type": "application/dicom"},
        {"kind": "audio", "media_type": "audio/mpeg"},
    ],
)
async def test_a_list_shows_an_icon_of_what_cannot_be_had(site: Site, facts: Any) -> None:
    await a_photo(site, **facts)
    shown = await page(site, "/")
    assert images(shown) == []
    assert f'icon-{facts.get("kind", "image")}"' in shown


@pytest.mark.parametrize(
    "facts",
    [
        {"state": "failed", "error": {"code": "too_many_pixels", "message": "too many"}},
        {"state": "failed", "metadata": {"width": 64_250, "height": 64_250}, "bytes": 900},
    ],
)
async def test_a_bomb_is_not_given_to_the_browser(site: Site, facts: Any) -> None:
    asset = await a_photo(site, **facts)
    assert images(await page(site, f"/assets/{asset.id}")) == []


async def test_without_images_on_request_a_list_has_no_large_files(open_site: OpenSite) -> None:
    site = await open_site(owner_key=KEY)
    asset = await a_photo(site)
    assert images(await page(site, "/")) == []
    [whole] = images(await page(site, f"/assets/{asset.id}"))
    assert whole["src"].startswith(f"/v1/assets/{asset.id}/original")


async def test_products_are_in_the_order_of_their_numbers(site: Site) -> None:
    asset = await a_photo(site)
    files = {f"w{width}.webp": b"x" for width in (1200, 400, 800)}
    await publish(site.world, asset.id, "wide", files)
    shown = await page(site, f"/assets/{asset.id}")
    assert re.findall(r"<h3><bdi>wide/(\w+)", shown) == ["w400", "w800", "w1200"]


PICTURE = Picture("/picture", width=100, height=50)
BOX = {"left": 10.0, "top": 5.0, "width": 20.0, "height": 8.0}


def test_places_are_seen_in_their_picture_and_read() -> None:
    told = {"count": 2, "codes": [{"box": BOX, "text": "https://example.org"}, {"box": BOX}]}
    found = finding("image.codes", told, PICTURE)
    assert found is not None
    assert found.picture is PICTURE
    assert found.summary == "2 codes"
    assert found.named == ["https://example.org"]
    assert (found.places[0].left, found.places[0].height) == (10.0, 8.0)
    unsized = finding("image.codes", told, Picture("/picture"))
    assert unsized is not None
    assert unsized.picture is None


def test_nothing_found_is_said() -> None:
    found = finding("image.faces", {"count": 0, "faces": []}, PICTURE)
    assert found is not None
    assert found.summary == "no faces"


def test_the_shares_of_a_palette_fill_the_whole() -> None:
    colours = [{"hex": "#102030", "share": 0.6}, {"hex": "#ffffff", "share": 0.2}]
    found = finding("image.palette", {"colours": colours}, None)
    assert found is not None
    assert [(each.left, each.share) for each in found.colours] == [(0.0, 75.0), (75.0, 25.0)]
    assert found.named == ["#102030 75 %", "#ffffff 25 %"]


def test_labels_are_named_with_how_sure_they_are() -> None:
    told = {"labels": [{"name": "vase", "confidence": 0.93, "model": "m"}]}
    found = finding("image.labels", told, None)
    assert found is not None
    assert found.named == ["vase 93%"]


@pytest.mark.parametrize("op", ["image.ocr", "image.describe", "audio.waveform", "image.palette"])
def test_other_files_are_shown_like_any(op: str) -> None:
    assert finding(op, {"characters": 9}, PICTURE) is None


def test_what_a_plug_in_says_otherwise_breaks_no_page() -> None:
    found = finding("image.faces", {"faces": [{"box": None}, 3]}, PICTURE)
    assert found is not None
    assert found.summary == "1 face"
