"""tus 1.0.0, expiration and termination; and what the sweep does."""

from email.utils import parsedate_to_datetime

from mediakiln.model.keys import Bucket
from mediakiln.stages.uploads.book import UploadBook
from support.site import Site, a_text
from support.tus import TusClient

DATA = a_text(3000)


async def test_answers_say_when_the_upload_expires(tus: TusClient, site: Site) -> None:
    """[Upload-Expires] MUST be included in every PATCH response if the upload is going to expire.
    If the expiration is known at the creation, the Upload-Expires header MUST be included in the
    response to the initial POST request ... MUST be in RFC 7231 datetime format.
    """
    made = await tus.post(upload_length="3000")
    url = made.headers["location"]
    patched = await tus.patch(url, 0, DATA[:10])
    for answer in (made, patched, await tus.head(url)):
        value = answer.headers["upload-expires"]
        assert value.endswith(" GMT")
        left = parsedate_to_datetime(value) - site.world.clock()
        assert 6.9 < left.total_seconds() / 86400 <= 7


async def test_each_request_with_bytes_begins_the_time_anew(tus: TusClient, site: Site) -> None:
    """Its value MAY change over time."""
    url = await tus.create(3000)
    site.world.clock.forward(days=5)
    await tus.patch(url, 0, DATA[:10])
    site.world.clock.forward(days=5)
    assert await tus.offset(url) == 10


async def test_an_expired_upload_is_gone(tus: TusClient, site: Site) -> None:
    """... the Server SHOULD respond with the 404 Not Found or 410 Gone status."""
    url = await tus.create(3000)
    site.world.clock.forward(days=8)
    for answer in (await tus.head(url), await tus.patch(url, 0, DATA)):
        assert answer.status_code == 410
        assert "upload-offset" not in answer.headers


async def test_what_a_sweep_cleans_leaves_no_bytes(tus: TusClient, site: Site) -> None:
    url = await tus.create(3000, upload_concat="partial")
    await tus.patch(url, 0, DATA)
    other = await tus.create(3000)
    await tus.patch(other, 0, DATA[:10])
    book = UploadBook(site.world.catalog, clock=site.world.clock)
    async for upload in book.all():
        await site.services.tus.clean(upload)
        await site.services.tus.clean(upload)
    assert [item async for item in site.world.store.list(Bucket.INPUT)] == []


async def test_a_deletion_ends_an_unfinished_upload(tus: TusClient, site: Site) -> None:
    """... the Server SHOULD free associated resources and MUST respond with the 204 No Content
    status ... For all future requests to this URL, the Server SHOULD respond with the 404.
    """
    url = await tus.create(3000)
    await tus.patch(url, 0, DATA[:1000])
    assert (await tus.request("DELETE", url)).status_code == 204
    assert (await tus.head(url)).status_code == 404
    assert (await tus.patch(url, 1000, DATA[1000:])).status_code == 404
    assert (await tus.request("DELETE", url)).status_code == 404
    assert await site.kept() == 0


async def test_a_deletion_ends_a_complete_upload_and_leaves_its_asset(
    tus: TusClient, site: Site
) -> None:
    """... terminate completed and unfinished uploads."""
    url = await tus.create(3000)
    asset = (await tus.patch(url, 0, DATA)).headers["mediakiln-asset"]
    assert (await tus.request("DELETE", url)).status_code == 204
    assert (await tus.head(url)).status_code == 404
    found = (await site.http.get(asset)).json()
    assert (await site.http.get(found["url"])).content == DATA


async def test_an_upload_whose_end_was_interrupted_is_brought_to_it_by_head(
    tus: TusClient, site: Site
) -> None:
    """(Ours.) No answer says that all is there before the asset is."""
    url = await tus.create(3000)
    await tus.patch(url, 0, DATA[:2999])
    uploads, id = site.services.tus, url.rpartition("/")[2]
    ends = uploads._ends
    complete = ends.complete

    async def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the process dies here")

    ends.complete = crash  # type: ignore[method-assign]
    assert (await tus.patch(url, 2999, DATA[2999:])).status_code == 500
    ends.complete = complete  # type: ignore[method-assign]
    asked = await tus.head(url)
    assert asked.headers["upload-offset"] == "3000"
    assert asked.headers["mediakiln-asset"].endswith(id)
    assert await site.kept() == 2
