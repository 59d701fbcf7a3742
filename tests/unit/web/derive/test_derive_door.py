"""The native door over HTTP."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mediakiln.model.access import Scope
from mediakiln.model.errors import BadMedia
from mediakiln.model.keys import DERIVED_PREFIX, Bucket
from mediakiln.model.signature import sign_native
from support.gallery import OWNER, Gallery
from support.images import KEY
from support.site import publish
from support.waiting import eventually

CHROME = {"Accept": "image/avif,image/webp,*/*;q=0.8"}

OpenGallery = Callable[..., Awaitable[Gallery]]


async def test_an_image_is_made_and_announced(gallery: Gallery) -> None:
    answer = await gallery.get("w_40,f_webp")
    assert answer.status_code == 200
    assert json.loads(answer.content)["steps"][0]["width"] == 40
    headers = answer.headers
    assert headers["content-type"] == "image/webp"
    assert headers["content-disposition"] == 'inline; filename="photo.webp"'
    assert headers["cache-control"] == "public, max-age=3600, must-revalidate"
    assert headers["surrogate-key"] == f"asset-{gallery.asset.id} project-default"
    assert headers["cache-tag"] == f"asset-{gallery.asset.id},project-default"
    assert headers["x-content-type-options"] == "nosniff"
    assert "vary" not in headers


async def test_identical_requests_at_once_make_one_image(gallery: Gallery) -> None:
    gallery.painter.go.clear()
    asked = [asyncio.create_task(gallery.get()) for _ in range(10)]
    await eventually(lambda: len(gallery.painter.tasks) == 1)
    gallery.painter.go.set()
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200}
    assert len(gallery.painter.tasks) == 1


async def test_the_format_is_negotiated_where_the_address_leaves_it_open(gallery: Gallery) -> None:
    for accept, media_type in (
        ("image/avif,image/webp,*/*", "image/avif"),
        ("image/webp,*/*", "image/webp"),
        ("*/*", "image/jpeg"),
    ):
        for _ in range(2):  # made, then from memory
            answer = await gallery.get("w_40,f_auto", Accept=accept)
            assert answer.headers["content-type"] == media_type
            assert answer.headers["vary"] == "Accept"
    assert len(gallery.painter.tasks) == 3


async def test_client_hints_are_minded_and_told_where_the_address_says_auto(
    gallery: Gallery,
) -> None:
    answer = await gallery.get("w_auto,f_webp", Sec_CH_Width="333")
    assert json.loads(answer.content)["steps"][0]["width"] == 400
    assert answer.headers["accept-ch"] == "Sec-CH-DPR, Sec-CH-Width"
    assert answer.headers["vary"].lower() == "sec-ch-width, width"
    other = await gallery.get("w_auto,f_webp", Sec_CH_Width="777")
    assert json.loads(other.content)["steps"][0]["width"] == 800
    plain = await gallery.get("w_40", Sec_CH_Width="333")
    assert "accept-ch" not in plain.headers


async def test_an_unchanged_image_is_not_sent_again(gallery: Gallery) -> None:
    first = await gallery.get()
    for tag, status in ((first.headers["etag"], 304), ('"other"', 200)):
        answer = await gallery.get(If_None_Match=tag)
        assert answer.status_code == status
    again = await gallery.get(If_None_Match=first.headers["etag"])
    assert again.content == b""
    assert again.headers["surrogate-key"] == first.headers["surrogate-key"]


async def test_heads_and_ranges(gallery: Gallery) -> None:
    whole = await gallery.get()
    head = await gallery.site.http.head(gallery.address())
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    part = await gallery.get(Range="bytes=2-5")
    assert (part.status_code, part.content) == (206, whole.content[2:6])
    refused = await gallery.site.http.post(gallery.address())
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_an_address_with_a_version_is_kept_for_ever(gallery: Gallery) -> None:
    answer = await gallery.get("w_40,v_1")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_an_address_that_expires_is_kept_until_then_and_no_longer_served(
    gallery: Gallery,
) -> None:
    answer = await gallery.get(f"w_40,v_1,exp_{int(time.time()) + 100}")
    kind, age, _ = answer.headers["cache-control"].split(", ")
    assert (kind, 90 < int(age.partition("=")[2]) <= 100) == ("public", True)
    over = await gallery.get(f"w_40,exp_{int(time.time()) - 1}")
    assert (over.status_code, over.json()["code"]) == (410, "address_expired")


async def test_it_can_be_saved_under_a_name(gallery: Gallery) -> None:
    answer = await gallery.get("w_40,f_webp,dl_Holiday")
    assert answer.headers["content-disposition"] == 'attachment; filename="Holiday.webp"'


async def test_a_wrong_option_is_refused_by_name(gallery: Gallery) -> None:
    answer = await gallery.get("w_0")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["field"] == "w"
    assert answer.headers["cache-control"] == "no-store"
    assert gallery.painter.tasks == []


async def test_what_is_not_signed_is_refused(gallery: Gallery) -> None:
    path = f"/i/w_40/{gallery.asset.id}"
    answer = await gallery.site.http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "signature_missing")
    for wrong in (gallery.address().replace("w_40", "w_41"), gallery.address(key=b"another key")):
        answer = await gallery.site.http.get(wrong)
        assert (answer.status_code, answer.json()["code"]) == (403, "signature_invalid")
    assert gallery.painter.tasks == []


async def test_a_key_that_may_read_opens_its_own_project(gallery: Gallery) -> None:
    path = f"/i/w_40/{gallery.asset.id}"
    keys = gallery.site.services.access.keys
    await gallery.site.services.access.projects.create("other", by="owner")
    for scope, project, status in (
        (Scope.READ, "default", 200),
        (Scope.UPLOAD, "default", 403),
        (Scope.READ, "other", 404),
    ):
        _, text = await keys.create("k", project=project, scopes=[scope], by="owner")
        answer = await gallery.site.http.get(path, headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == status
        if status == 200:
            assert answer.headers["cache-control"].startswith("private, ")
    assert (await gallery.site.http.get(path)).status_code == 403


async def test_older_keys_and_cut_signatures_count(open_gallery: OpenGallery) -> None:
    gallery = await open_gallery(keys=(b"a newer key", KEY), signature_bytes=10)
    path = f"/i/w_40/{gallery.asset.id}"
    for key, size, status in ((KEY, 10, 200), (KEY, 32, 200), (KEY, 12, 403), (b"x", 10, 403)):
        answer = await gallery.site.http.get(sign_native(path, key, size=size))
        assert answer.status_code == status


async def test_this_machine_needs_no_signature_where_that_is_allowed(
    open_gallery: OpenGallery,
) -> None:
    gallery = await open_gallery(local=True)
    path = f"/i/w_40/{gallery.asset.id}"
    assert (await gallery.site.http.get(path)).status_code == 200
    proxied = await gallery.site.http.get(path, headers={"X-Forwarded-For": "203.0.113.7"})
    assert proxied.status_code == 403


async def test_signatures_can_be_switched_off(open_gallery: OpenGallery) -> None:
    gallery = await open_gallery(signed=False)
    path = f"/i/w_40/{gallery.asset.id}"
    headers = {"X-Forwarded-For": "203.0.113.7"}
    assert (await gallery.site.http.get(path, headers=headers)).status_code == 200
    forged = await gallery.site.http.get(gallery.address(key=b"another key"))
    assert forged.status_code == 403


async def test_overload_is_told_at_once_with_when_to_come_again(
    open_gallery: OpenGallery,
) -> None:
    gallery = await open_gallery(workers=1, waiting=0)
    gallery.painter.go.clear()
    running = asyncio.create_task(gallery.get("w_40"))
    await eventually(lambda: len(gallery.painter.tasks) == 1)
    refused = await gallery.get("w_41")
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["cache-control"] == "no-store"
    gallery.painter.go.set()
    assert (await running).status_code == 200


async def test_a_client_that_goes_away_leaves_the_queue(open_gallery: OpenGallery) -> None:
    gallery = await open_gallery(workers=1, waiting=1)
    gallery.painter.go.clear()
    running = asyncio.create_task(gallery.get("w_40"))
    await eventually(lambda: len(gallery.painter.tasks) == 1)
    _, writer = await gallery.site.connect()
    writer.write(f"GET {gallery.address('w_41')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await eventually(lambda: gallery.derive._fast.waiting == 1)
    writer.transport.abort()
    await eventually(lambda: gallery.derive._fast.waiting == 0)
    gallery.painter.go.set()
    await running
    assert len(gallery.painter.tasks) == 1


async def test_a_file_that_is_no_good_is_told_and_not_tried_again(gallery: Gallery) -> None:
    gallery.painter.error = BadMedia("it is torn")
    for _ in range(2):
        answer = await gallery.get()
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_media")
    assert len(gallery.painter.tasks) == 1


async def test_a_purge_removes_every_variant(gallery: Gallery) -> None:
    for width in (40, 41, 42):
        assert (await gallery.get(f"w_{width}")).status_code == 200
    owner = {"Authorization": f"Bearer {OWNER}"}
    address = f"/v1/assets/{gallery.asset.id}/purge"
    await eventually(lambda: not gallery.derive._putting)
    answer = await gallery.site.http.post(address, headers=owner)
    assert (answer.status_code, answer.json()) == (200, {"purged": 3})
    store = gallery.site.world.store
    assert [item async for item in store.list(Bucket.PRODUCTION, DERIVED_PREFIX)] == []
    gallery.site.services.deliver.forget(gallery.asset.id)
    assert (await gallery.get("w_43")).status_code == 200


async def test_an_image_that_was_swept_behind_our_back_is_made_again(gallery: Gallery) -> None:
    first = await gallery.get("w_40,v_1")
    await eventually(lambda: not gallery.derive._putting)
    store = gallery.site.world.store
    keys = [item.key async for item in store.list(Bucket.PRODUCTION, DERIVED_PREFIX)]
    await store.delete(Bucket.PRODUCTION, keys)
    front: Any = gallery.site.server.config.app
    front._images._images._contents._kept.clear()  # as after many others
    again = await gallery.get("w_40,v_1")
    assert (again.status_code, again.content) == (200, first.content)
    assert len(gallery.painter.tasks) == 2


async def test_a_product_can_be_the_source(gallery: Gallery) -> None:
    await publish(gallery.site.world, gallery.asset.id, "web", {"web.webp": b"another picture"})
    gallery.site.services.deliver.forget(gallery.asset.id)
    answer = await gallery.get("w_40,from_web,f_png")
    assert answer.status_code == 200
    (task,) = gallery.painter.tasks
    assert task.context.media_type == "image/webp"
    assert task.source is not None
    assert task.source.read_bytes() == b"another picture"
    absent = await gallery.get("w_40,from_other")
    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")


async def test_a_deleted_asset_s_images_are_gone(gallery: Gallery) -> None:
    assert (await gallery.get("w_40,f_webp")).status_code == 200
    await gallery.site.world.manage.delete(gallery.asset.id)
    gallery.site.services.deliver.forget(gallery.asset.id)
    answer = await gallery.get("w_41,f_webp")
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    absent = await gallery.site.http.get(
        sign_native("/i/w_40/01a1ff1b-da87-773f-a198-3bf33ecd3325", KEY)
    )
    assert absent.status_code == 404


async def test_who_still_waits_when_the_server_s_grace_is_over_is_sent_elsewhere(
    gallery: Gallery, caplog: pytest.LogCaptureFixture
) -> None:
    gallery.painter.go.clear()
    asked = asyncio.create_task(gallery.get())
    await eventually(lambda: len(gallery.painter.tasks) == 1)
    for task in gallery.site.server.server_state.tasks:
        task.cancel()  # as uvicorn does once it waits no longer
    answer = await asked
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "5"
    assert "Traceback" not in caplog.text
