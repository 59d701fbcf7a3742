"""What answers carry where two kinds of request meet."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mediakiln.model.access import Scope
from mediakiln.model.signature import sign_iiif, sign_native
from mediakiln.stages.derive import Shelf, making
from support.gallery import OWNER, Gallery
from support.images import KEY
from support.site import publish
from support.waiting import eventually

OpenGallery = Callable[..., Awaitable[Gallery]]


async def test_an_address_that_expires_is_not_answered_from_memory_afterwards(
    gallery: Gallery,
) -> None:
    ends = time.time() + 0.5
    address = gallery.address(f"w_40,exp_{ends}")
    await gallery.site.http.get(address)
    await eventually(lambda: time.time() > ends)
    assert (await gallery.site.http.get(address)).status_code == 410


async def test_caches_keep_an_address_without_a_version_no_longer_than_it_is_good(
    gallery: Gallery,
) -> None:
    answer = await gallery.get(f"w_40,exp_{int(time.time()) + 100}")
    kept, again = answer.headers["cache-control"].split("max-age=")[1].split(", ")
    assert (0 < int(kept) <= 100, again) == (True, "must-revalidate")


async def test_the_same_edits_of_an_asset_and_of_its_product_are_two_images(
    gallery: Gallery,
) -> None:
    await publish(gallery.site.world, gallery.asset.id, "web", {"web.webp": b"another picture"})
    gallery.site.services.deliver.forget(gallery.asset.id)
    for options in ("w_40,f_png", "w_40,f_png,from_web"):
        assert (await gallery.get(options)).status_code == 200
    assert len(gallery.painter.tasks) == 2


async def test_what_a_key_opened_is_for_its_holder_alone(gallery: Gallery) -> None:
    owner = {"Authorization": f"Bearer {OWNER}"}
    for headers, whose in ((owner, "same-origin"), ({}, "cross-origin")):
        path = f"/i/w_40/{gallery.asset.id}" if headers else gallery.address()
        answer = await gallery.site.http.get(path, headers=headers)
        assert answer.headers["cross-origin-resource-policy"] == whose


async def test_a_preflight_is_none_the_less_one_where_the_image_is_at_hand(
    gallery: Gallery,
) -> None:
    address = f"{sign_iiif(gallery.asset.id, KEY)}/full/40,/0/default.jpg"
    assert (await gallery.site.http.get(address)).status_code == 200
    answer = await gallery.site.http.options(address)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_viewers_may_read_when_to_come_again(open_gallery: OpenGallery) -> None:
    gallery = await open_gallery(workers=1, waiting=0)
    service = sign_iiif(gallery.asset.id, KEY)
    assert (await gallery.site.http.get(f"{service}/info.json")).status_code == 200
    gallery.painter.go.clear()
    running = asyncio.create_task(gallery.get("w_40"))
    await eventually(lambda: len(gallery.painter.tasks) == 2)
    refused = await gallery.site.http.get(f"{service}/full/40,/0/default.jpg")
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (503, "*")
    gallery.painter.go.set()
    assert (await running).status_code == 200


async def test_a_purge_is_on_the_trail(gallery: Gallery) -> None:
    owner = {"Authorization": f"Bearer {OWNER}"}
    await gallery.site.http.post(f"/v1/assets/{gallery.asset.id}/purge", headers=owner)
    trail = (await gallery.site.http.get("/v1/audit", headers=owner)).json()
    assert gallery.asset.id in [
        entry["subject"] for entry in trail["entries"] if entry["what"] == "asset.purged"
    ]


async def test_browsers_are_asked_for_no_hints_that_nobody_minds(gallery: Gallery) -> None:
    for options, asked in (("w_40,q_auto", False), ("w_40,dpr_auto", True), ("w_auto", True)):
        answer = await gallery.get(options)
        assert ("accept-ch" in answer.headers) is asked


async def test_products_of_another_project_are_signed_for_nobody(gallery: Gallery) -> None:
    access, id = gallery.site.services.access, gallery.asset.id
    await publish(gallery.site.world, id, "web", {"web.webp": b"another picture"})
    gallery.site.services.deliver.forget(id)
    await access.projects.create("other", by="owner")
    for project, status in (("other", 404), ("default", 200)):
        _, key = await access.keys.create("k", project=project, scopes=[Scope.PROCESS], by="owner")
        for address in (f"/i/w_40,from_web/{id}", f"/iiif/{id}%2Fweb"):
            answer = await gallery.site.http.post(
                "/v1/images/sign",
                json={"addresses": [address]},
                headers={"Authorization": f"Bearer {key}"},
            )
            assert (project, answer.status_code) == (project, status)


async def test_the_first_of_several_keys_signs(open_gallery: OpenGallery) -> None:
    gallery = await open_gallery(keys=(b"a newer key", KEY))
    id = gallery.asset.id
    answer = await gallery.site.http.post(
        "/v1/images/sign",
        json={"addresses": [f"/i/w_40/{id}", f"/iiif/{id}"]},
        headers={"Authorization": f"Bearer {OWNER}"},
    )
    assert [one["path"] for one in answer.json()["addresses"]] == [
        sign_native(f"/i/w_40/{id}", b"a newer key"),
        sign_iiif(id, b"a newer key"),
    ]


async def test_a_list_of_tags_is_one_on_however_many_lines(gallery: Gallery) -> None:
    etag = (await gallery.get()).headers["etag"]
    lines = [("if-none-match", '"another"'), ("if-none-match", f"W/{etag}")]
    answer = await gallery.site.http.get(gallery.address(), headers=lines)
    assert answer.status_code == 304


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("dl_Holiday", "Holiday.jpg"),
        ("dl_Holiday.jpg", "Holiday.jpg"),
        ("dl_Holiday.JPEG", "Holiday.JPEG"),
        ("dl_Holiday.png", "Holiday.png.jpg"),
    ],
)
async def test_what_is_saved_has_its_extension_once(
    gallery: Gallery, options: str, name: str
) -> None:
    answer = await gallery.get(f"w_40,f_jpg,{options}")
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'


async def test_a_large_image_whose_asset_is_purged_while_it_is_made_is_answered_all_the_same(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "SMALL", 0)
    gallery.painter.go.clear()
    asked = asyncio.create_task(gallery.get("w_41"))
    await eventually(lambda: len(gallery.painter.tasks) == 1)
    await gallery.derive.purge(gallery.asset.id)
    gallery.painter.go.set()
    assert (await asked).status_code == 200
    assert len(gallery.painter.tasks) == 2, "what was made of it before is not kept"


async def test_an_image_that_is_purged_again_and_again_is_asked_to_wait(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "SMALL", 0)
    made = gallery.derive._made

    async def purging(*args: Any) -> Any:
        await gallery.derive.purge(gallery.asset.id)
        return await made(*args)

    monkeypatch.setattr(gallery.derive, "_made", purging)
    answer = await gallery.get("w_41")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_an_image_is_sent_before_the_store_has_it_where_memory_keeps_none(
    open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, go, put = await open_gallery(memory_bytes=0), asyncio.Event(), Shelf.put

    async def putting(*given: Any) -> None:
        await go.wait()
        await put(*given)

    monkeypatch.setattr(Shelf, "put", putting)
    answers = [await gallery.get() for _ in range(3)]
    go.set()
    await eventually(lambda: not gallery.derive._putting)
    answers.append(await gallery.get())
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.content for answer in answers}) == len(gallery.painter.tasks) == 1
