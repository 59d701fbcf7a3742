"""A token's media types at every door: by what is declared at first, by the bytes at last."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from mediakiln.model.keys import Bucket
from support import media
from support.signing import SigningStore
from support.site import Site, a_text
from support.tus import STREAM, VERSION, described
from support.world import NoRunner, World

from .conftest import OpenSite

KEY = "mk_the-owner's-key"
PNG = media.png()


@pytest.fixture
async def images(open_site: OpenSite, tmp_path: Path) -> Site:
    """A site with every door, whose client sends a token for images."""
    world = World(tmp=tmp_path, runner=NoRunner(), store=SigningStore())  # type: ignore[arg-type]
    site = await open_site(world=world, owner_key=KEY)
    made = await site.http.post("/v1/tokens", json={"types": ["image/*"]})
    site.http.headers["authorization"] = f"Bearer {made.json()['token']}"
    return site


async def by_one_request(site: Site, content: bytes, declared: str) -> httpx2.Response:
    return await site.http.post(
        "/v1/assets?filename=a.png", content=content, headers={"Content-Type": declared}
    )


async def by_form(site: Site, content: bytes, declared: str) -> httpx2.Response:
    return await site.http.post("/v1/assets", files={"file": ("a.png", content, declared)})


async def in_parts(site: Site, content: bytes, declared: str) -> httpx2.Response:
    said = {"filename": "a.png", "size": len(content), "type": declared}
    opened = await site.http.post("/v1/uploads", json=said)
    if opened.status_code != 201:
        return opened
    url = opened.json()["url"]
    assert (await site.http.put(f"{url}/parts/1", content=content)).status_code == 200
    return await site.http.post(f"{url}/complete")


async def by_tus(site: Site, content: bytes, declared: str) -> httpx2.Response:
    metadata = described(filename="a.png", filetype=declared)
    said = {"Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    made = await site.http.post("/v1/tus", headers=VERSION | said)
    if made.status_code != 201:
        return made
    sent = VERSION | STREAM | {"Upload-Offset": "0"}
    return await site.http.patch(made.headers["location"], headers=sent, content=content)


async def by_tus_at_once(site: Site, content: bytes, declared: str) -> httpx2.Response:
    metadata = described(filename="a.png", filetype=declared)
    said = {"Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    return await site.http.post("/v1/tus", headers=VERSION | STREAM | said, content=content)


Door = Callable[[Site, bytes, str], Awaitable[httpx2.Response]]
every_door = pytest.mark.parametrize(
    "door", [by_one_request, by_form, in_parts, by_tus, by_tus_at_once]
)


async def kept(site: Site) -> list[str]:
    """What there is of uploads, and of files."""
    uploads = [each.id async for each in site.services.multipart.book.all() if each.state == "open"]
    objects = [item.key async for item in site.world.store.list(Bucket.INPUT)]
    return uploads + objects


@every_door
async def test_what_is_declared_to_be_of_another_type_does_not_begin(
    images: Site, door: Door
) -> None:
    refused = await door(images, PNG, "text/plain")
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
    assert "declared" in refused.json()["detail"]
    assert refused.json()["allowed"] == ["image/*"]
    assert await kept(images) == []


@every_door
async def test_what_is_declared_wrongly_is_found_out_by_its_bytes(images: Site, door: Door) -> None:
    refused = await door(images, a_text(), "image/png")
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
    assert "declared" not in refused.json()["detail"]
    assert await kept(images) == []


@every_door
@pytest.mark.parametrize("declared", ["image/png", "application/octet-stream"])
async def test_what_is_of_the_type_is_taken(images: Site, door: Door, declared: str) -> None:
    assert (await door(images, PNG, declared)).status_code in {201, 204}
    assert len((await images.world.catalog.list("default")).assets) == 1


async def test_the_direct_door_looks_at_both_too(images: Site) -> None:
    said = {"name": "a.png", "size": 100, "type": "text/plain"}
    refused = await images.http.post("/v1/uploads/direct", json=said)
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
    assert await kept(images) == []
    opened = await images.http.post("/v1/uploads/direct", json=said | {"type": "image/png"})
    assert opened.status_code == 201, opened.text
    await images.world.store.put(Bucket.INPUT, opened.json()["key"], a_text(100))
    done = await images.http.post(f"/v1/uploads/direct/{opened.json()['id']}/complete")
    assert (done.json()["state"], done.json()["error"]["code"]) == (
        "rejected",
        "unsupported_media_type",
    )
    assert await kept(images) == []
