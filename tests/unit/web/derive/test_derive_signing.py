"""Addresses signed over HTTP."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mediakiln.model.access import Scope
from mediakiln.model.ids import new_id
from support.gallery import OWNER, Gallery
from support.site import publish

OpenGallery = Callable[..., Awaitable[Gallery]]


async def sign(gallery: Gallery, *addresses: str, key: str = OWNER, **more: Any) -> Any:
    return await gallery.site.http.post(
        "/v1/images/sign",
        json={"addresses": [one.format(id=gallery.asset.id) for one in addresses], **more},
        headers={"Authorization": f"Bearer {key}"},
    )


async def test_what_is_signed_opens_without_a_key(gallery: Gallery) -> None:
    answer = await sign(gallery, "/i/w_40,f_webp/{id}", "/iiif/{id}/info.json")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["signed"] is True
    for one in told["addresses"]:
        assert one["url"].endswith(one["path"])
        assert one["expires"] is None
        assert (await gallery.site.http.get(one["path"])).status_code == 200
        assert (await gallery.site.http.get(one["url"])).status_code == 200
    assert told["addresses"][0]["path"] == gallery.address("w_40,f_webp")


async def test_a_product_is_signed_for_viewers_too(gallery: Gallery) -> None:
    await publish(gallery.site.world, gallery.asset.id, "web", {"web.webp": b"another picture"})
    gallery.site.services.deliver.forget(gallery.asset.id)
    [one] = (await sign(gallery, "/iiif/{id}%2Fweb")).json()["addresses"]
    told = await gallery.site.http.get(f"{one['path']}/info.json")
    assert told.status_code == 200
    assert told.json()["id"] == one["url"]
    image = await gallery.site.http.get(f"{one['path']}/full/40,/0/default.jpg")
    assert image.status_code == 200
    source = gallery.painter.tasks[-1].source
    assert source is not None
    assert source.read_bytes() == b"another picture"
    assert (await sign(gallery, "/iiif/{id}%2Fother")).status_code == 404


async def test_an_old_signature_is_replaced(gallery: Gallery) -> None:
    answer = await sign(gallery, "/i/s_AAAAAAAAAAA/w_40/{id}", "/iiif/{id}~AAAAAAAAAAA")
    first, second = answer.json()["addresses"]
    assert first["path"] == gallery.address("w_40")
    assert "AAAA" not in second["path"]


async def test_an_address_may_be_good_for_a_while(gallery: Gallery) -> None:
    answer = await sign(gallery, "/i/w_40/{id}", seconds=60)
    [one] = answer.json()["addresses"]
    assert 0 < one["expires"] - time.time() <= 61
    assert f"/exp_{one['expires']}/w_40/" in one["path"]
    assert (await gallery.site.http.get(one["path"])).status_code == 200
    refused = await sign(gallery, "/iiif/{id}", seconds=60)
    assert (refused.status_code, refused.json()["field"]) == (400, "seconds")


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/i/w_40,wdth_3/{id}", "wdth"),
        ("/i/w_0/{id}", "w"),
        ("/i/p_none/{id}", "p"),
        ("/v1/assets/{id}", None),
        ("/i/w_40/{id}?x=1", None),
        ("/i/watermark,text_two words/{id}", None),
        ("https://elsewhere.example/i/w_40/{id}", None),
    ],
)
async def test_what_is_no_address_of_an_image_is_told(
    gallery: Gallery, address: str, field: str | None
) -> None:
    answer = await sign(gallery, address)
    assert answer.status_code == 400
    assert answer.json().get("field") == field
    assert gallery.painter.tasks == []


async def test_only_assets_of_the_key_s_project_are_signed(gallery: Gallery) -> None:
    access = gallery.site.services.access
    await access.projects.create("other", by="owner")
    _, theirs = await access.keys.create(
        name="theirs", scopes=(Scope.PROCESS,), project="other", by="owner"
    )
    for address in ("/i/w_40/{id}", "/iiif/{id}", "/i/w_40,from_web/{id}"):
        answer = await sign(gallery, address, key=theirs)
        assert answer.status_code == 404, address
    assert (await sign(gallery, f"/i/w_40/{new_id()}")).status_code == 404


async def test_a_key_that_may_only_read_signs_nothing(gallery: Gallery) -> None:
    _, reads = await gallery.site.services.access.keys.create(
        name="reads", scopes=(Scope.READ,), project="default", by="owner"
    )
    answer = await sign(gallery, "/i/w_40/{id}", key=reads)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_nothing_is_signed_where_nothing_needs_to_be(open_gallery: OpenGallery) -> None:
    gallery = await open_gallery(signed=False)
    answer = await sign(gallery, "/i/w_40/{id}", "/iiif/{id}")
    told = answer.json()
    assert told["signed"] is False
    assert [one["path"] for one in told["addresses"]] == [
        f"/i/w_40/{gallery.asset.id}",
        f"/iiif/{gallery.asset.id}",
    ]
