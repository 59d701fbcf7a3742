"""Downloads of originals and products."""

import asyncio
import re
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.keys import Bucket
from mediakiln.web.delivery.contents import SMALL
from support.site import Site, a_text, publish
from support.world import NoRunner, World

from .conftest import OpenSite

BYTES = bytes(range(256)) * 4
SIZE = len(BYTES)


@pytest.fixture(params=["memory", "local"])
async def page(request: pytest.FixtureRequest, tmp_path: Path, open_site: OpenSite) -> "Page":
    """A product of `SIZE` bytes, on a store with files and on one without."""
    if request.param == "local":
        store: LocalObjectStore | MemoryObjectStore = LocalObjectStore(tmp_path / "store")
    else:
        store = MemoryObjectStore()
    world = World(tmp=tmp_path, runner=NoRunner(), store=store)  # type: ignore[arg-type]
    site = await open_site(world=world)
    asset = await world.upload(a_text())
    await publish(world, asset.id, "web", {"web.webp": BYTES})
    return Page(site, asset.id)


class Page:
    """One asset's downloads."""

    def __init__(self, site: Site, id: str) -> None:
        self.site = site
        self.id = id
        self.path = f"/v1/assets/{id}/products/web"

    async def get(self, **headers: str) -> "tuple[int, bytes, dict[str, str]]":
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.site.http.get(self.path, headers=names)
        return answer.status_code, answer.content, dict(answer.headers)


async def test_a_download_says_what_it_is_and_may_be_asked_for_in_parts(page: Page) -> None:
    status, body, headers = await page.get()
    assert (status, body) == (200, BYTES)
    assert headers["content-type"] == "image/webp"
    assert headers["content-length"] == str(SIZE)
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "private, no-cache"
    assert headers["content-disposition"] == 'inline; filename="a-web-web.webp"'
    assert "sandbox" in headers["content-security-policy"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', headers["etag"])


async def test_head_answers_as_get_without_the_bytes(page: Page) -> None:
    got, looked = await page.get(), await page.site.http.head(page.path)
    assert looked.status_code == 200
    assert looked.content == b""
    for name in ("content-length", "etag", "content-type", "content-disposition"):
        assert looked.headers[name] == got[2][name]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=1000-", 1000, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-99999", 0, SIZE - 1),
        ("bytes=0-99999", 0, SIZE - 1),
        ("BYTES=5-6", 5, 6),
        ("bytes= 5 - 6", 5, 6),
        ("bytes=0-9,10-19", 0, 19),
        ("bytes=5-14,0-9", 0, 14),
        ("bytes=7-8,99999-", 7, 8),
    ],
)
async def test_one_range_comes_as_it_was_asked_for(
    page: Page, asked: str, first: int, last: int
) -> None:
    status, body, headers = await page.get(range=asked)
    assert status == 206
    assert headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert body == BYTES[first : last + 1]
    assert headers["content-length"] == str(len(body))


@pytest.mark.parametrize(
    "asked", ["bytes=a-b", "bytes=5", "bytes=9-5", "items=0-5", "bytes", "bytes=-", "bytes=--5"]
)
async def test_a_range_that_makes_no_sense_is_ignored(page: Page, asked: str) -> None:
    status, body, _ = await page.get(range=asked)
    assert (status, body) == (200, BYTES)


@pytest.mark.parametrize(
    "asked",
    [
        f"bytes={SIZE}-",
        "bytes=99999-100000",
        "bytes=-0",
        "bytes=",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 34, 2)),
        "bytes=" + "0-,5-10," * 10_000,
    ],
    ids=["at end", "beyond", "none", "empty", "17 ranges", "20,000 ranges"],
)
async def test_a_range_that_cannot_be_had_is_refused_with_the_size(page: Page, asked: str) -> None:
    status, body, headers = await page.get(range=asked)
    assert status == 416
    assert headers["content-range"] == f"bytes */{SIZE}"
    assert b'"code":"range_not_satisfiable"' in body


async def test_several_ranges_come_as_parts(page: Page) -> None:
    status, body, headers = await page.get(range="bytes=500-509,0-4,-3")
    assert status == 206
    assert int(headers["content-length"]) == len(body)
    boundary = headers["content-type"].removeprefix("multipart/byteranges; boundary=").encode()
    *parts, end = body.split(b"\r\n--" + boundary)
    assert end == b"--\r\n"
    found = [part.partition(b"\r\n\r\n") for part in parts[1:]]
    assert [content for _, _, content in found] == [BYTES[500:510], BYTES[:5], BYTES[-3:]]
    assert f"Content-Range: bytes 500-509/{SIZE}".encode() in found[0][0]
    assert b"Content-Type: image/webp" in found[0][0]


async def test_what_a_client_has_already_is_not_sent_again(page: Page) -> None:
    etag = (await page.get())[2]["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        status, body, headers = await page.get(if_none_match=known, range="bytes=0-1")
        assert (status, body, headers["etag"]) == (304, b"", etag)
    assert (await page.get(if_none_match='"other"'))[0] == 200
    assert (await page.get(if_match='"other"'))[0] == 412
    assert (await page.get(if_match=etag))[0] == 200


async def test_if_range_sends_everything_when_the_file_is_another(page: Page) -> None:
    etag = (await page.get())[2]["etag"]
    assert (await page.get(range="bytes=0-1", if_range=etag))[0] == 206
    for other in ('"other"', f"W/{etag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert (await page.get(range="bytes=0-1", if_range=other))[0] == 200


async def test_an_address_that_names_the_content_may_be_kept_for_ever(page: Page) -> None:
    etag = (await page.get())[2]["etag"].strip('"')
    pinned = await page.site.http.get(f"{page.path}?v={etag}")
    assert pinned.headers["cache-control"] == "private, max-age=31536000, immutable"
    stale = await page.site.http.get(f"{page.path}?v=other")
    assert stale.headers["cache-control"] == "private, no-cache"


async def test_bytes_that_are_gone_are_a_404_that_says_so(page: Page) -> None:
    world = page.site.world
    asset = await world.asset(page.id)
    await world.store.delete(Bucket.INPUT, [asset.source.key])
    answer = await page.site.http.get(f"/v1/assets/{page.id}/original")
    assert (answer.status_code, answer.json()["code"]) == (404, "object_missing")


async def test_a_large_file_comes_whole_and_in_parts(page: Page) -> None:
    large = a_text(3 * SMALL + 17)
    await publish(page.site.world, page.id, "big", {"big.mp4": large})
    path = f"/v1/assets/{page.id}/products/big"
    assert (await page.site.http.get(path)).content == large
    part = await page.site.http.get(path, headers={"Range": f"bytes=5-{2 * SMALL}"})
    assert part.content == large[5 : 2 * SMALL + 1]
    parts = await page.site.http.get(path, headers={"Range": f"bytes=0-{SMALL},-{SMALL}"})
    assert large[: SMALL + 1] in parts.content
    assert large[-SMALL:] in parts.content


async def test_a_client_that_leaves_in_the_middle_does_not_hurt(page: Page) -> None:
    await publish(page.site.world, page.id, "big", {"big.mp4": a_text(9_000_000)})
    for _ in range(5):
        _, writer = await page.site.connect()
        writer.write(
            f"GET /v1/assets/{page.id}/products/big HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        await asyncio.sleep(0.01)
        writer.transport.abort()
    assert (await page.get())[0] == 200


async def test_a_step_of_one_file_answers_to_both_its_names(page: Page) -> None:
    for name in ("web", "web/web.webp"):
        answer = await page.site.http.get(f"/v1/assets/{page.id}/products/{name}")
        assert (answer.status_code, answer.content) == (200, BYTES)


async def test_files_of_one_step_find_each_other_by_relative_links(page: Page) -> None:
    files = {"index.m3u8": "seg/ä 1.mp4\n", "seg/ä 1.mp4": "segment"}
    await publish(page.site.world, page.id, "hls", files)
    view = (await page.site.http.get(f"/v1/assets/{page.id}")).json()
    urls = {product["name"]: product["url"] for product in view["products"]}
    assert list(urls) == ["hls/index.m3u8", "hls/seg/ä 1.mp4", "web"]
    playlist = await page.site.http.get(urls["hls/index.m3u8"])
    segment = await page.site.http.get(playlist.url.join(playlist.text.strip()))
    assert segment.text == "segment"


@pytest.mark.parametrize("path", ["products/nix", "products/web/nix", "products/"])
async def test_what_is_not_there_is_a_404(page: Page, path: str) -> None:
    answer = await page.site.http.get(f"/v1/assets/{page.id}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_other_methods_and_direct_addresses_are_refused(page: Page) -> None:
    posted = await page.site.http.post(page.path)
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")
    direct = await page.site.http.get(f"{page.path}?direct=1")
    assert (direct.status_code, direct.json()["code"]) == (400, "not_supported")


async def test_a_deleted_asset_is_gone_at_once(page: Page) -> None:
    assert (await page.get())[0] == 200
    await page.site.http.delete(f"/v1/assets/{page.id}")
    status, body, _ = await page.get()
    assert (status, b'"code":"gone"' in body) == (410, True)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("x.svg", "attachment"),
        ("x.html", "attachment"),
        ("x.bin", "attachment"),
        ("x.pdf", "inline"),
        ("x.txt", "inline"),
        ("x.mp4", "inline"),
    ],
)
async def test_only_what_holds_no_program_is_shown(page: Page, file: str, kind: str) -> None:
    await publish(page.site.world, page.id, "it", {file: "<script>alert(1)</script>"})
    path = f"/v1/assets/{page.id}/products/it"
    shown = await page.site.http.get(path)
    assert shown.headers["content-disposition"].startswith(f"{kind};")
    assert shown.headers["x-content-type-options"] == "nosniff"
    saved = await page.site.http.get(f"{path}?download=1")
    assert saved.headers["content-disposition"].startswith("attachment;")
