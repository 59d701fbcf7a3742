"""Imports by HTTP: what is asked for, what is answered."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.fetcher.folder import FolderPlace
from mediakiln.adapters.fetcher.http import HttpFetcher
from mediakiln.stages.access.usage import Usage
from mediakiln.stages.importing import ImportDesk, Importing, Intake
from mediakiln.stages.importing.book import ImportBook
from mediakiln.stages.importing.worker import PageWorker
from support.origin import Origin, serving_files
from support.site import Site
from support.world import NoRunner, World

from .conftest import OpenSite

KEY = "mk_owner-of-the-test"
MISSING = "01936f5e-7a3b-7c44-9d5e-3f1b2a6c8d90"


class Shop:
    """A site whose imports are done, and an origin."""

    def __init__(self, site: Site, stage: Importing, origin: Origin) -> None:
        self.site = site
        self.http = site.http
        self.stage = stage
        self.origin = origin

    async def work(self) -> None:
        while found := await self.site.world.take("imports", "import"):
            for delivery in found:
                await self.stage(delivery.message)
                await delivery.ack()

    async def begin(self, **body: Any) -> dict[str, Any]:
        answer = await self.http.post("/v1/imports", json=body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def shop(open_site: OpenSite, tmp_path: Path) -> AsyncIterator[Shop]:
    world = World(tmp_path, NoRunner())  # type: ignore[arg-type] # nothing is run here
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "a.txt").write_text("A file on the shelf.\n")
    places = {"shelf": FolderPlace(tmp_path / "shelf")}
    async with serving_files() as origin:
        origin.files |= {"/a.txt": b"The first file.\n", "/b.txt": b"The second file.\n"}
        fetcher = HttpFetcher(ports={origin.port}, allow_private=True)
        book = ImportBook(world.catalog, clock=world.clock)
        intake = Intake(world.store, world.catalog, world.receive, max_bytes=1_000_000)
        worker = PageWorker(
            book,
            intake,
            fetcher,
            places,
            world.recipes,
            hold=Usage(world.catalog).hold,
            pause_s=0.01,
        )
        desk = ImportDesk(book, world.broker, fetcher, world.recipes, places=places)
        site = await open_site(world=world, imports=desk, owner_key=KEY)
        yield Shop(site, Importing(book, world.broker, worker, places), origin)
        await fetcher.close()


async def test_one_address_is_enough(shop: Shop) -> None:
    job = await shop.begin(
        url=shop.origin.url("/a.txt"), tags=["x", "y"], uploader="ann", recipe="document"
    )
    assert (job["state"], job["total"], job["done"]) == ("running", 1, 0)
    await shop.work()
    job = await shop.get(f"/v1/imports/{job['id']}")
    assert (job["state"], job["done"], job["bytes"]) == ("done", 1, 16)
    (item,) = (await shop.get(f"/v1/imports/{job['id']}/items"))["items"]
    assert (item["number"], item["source"], item["state"]) == (
        1,
        shop.origin.url("/a.txt"),
        "done",
    )
    asset = await shop.get(f"/v1/assets/{item['asset']}")
    assert (asset["name"], asset["tags"], asset["uploader"]) == ("a.txt", ["x", "y"], "ann")
    assert asset["recipe"]["name"] == "document"


async def test_items_say_more_than_the_whole(shop: Shop) -> None:
    items = [
        {"url": shop.origin.url("/a.txt"), "name": "Other.txt", "tags": ["z"], "uploader": "bob"},
        shop.origin.url("/b.txt"),
        {"url": shop.origin.url("/b.txt"), "recipe": "none-such"},
        {"colour": "red"},
    ]
    job = await shop.begin(items=[items[0], *items[2:]], tags=["x"])
    await shop.work()
    found = (await shop.get(f"/v1/imports/{job['id']}/items"))["items"]
    assert [item["error"] and item["error"]["code"] for item in found] == [
        None,
        "unknown_recipe",
        "invalid_line",
    ]
    asset = await shop.get(f"/v1/assets/{found[0]['asset']}")
    assert (asset["name"], asset["tags"], asset["uploader"]) == ("Other.txt", ["x", "z"], "bob")
    failed = await shop.get(f"/v1/imports/{job['id']}/items", state="failed", limit=1)
    assert [item["number"] for item in failed["items"]] == [2, 3]


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/csv; charset=utf-8", "url,name\n{0}/a.txt,A.txt\n\n{0}/b.txt,\nnonsense\n"),
        ("application/x-ndjson", '{{"url": "{0}/a.txt", "name": "A.txt"}}\n\n"x"\n'),
    ],
)
async def test_manifests_are_read_as_they_are_sent(shop: Shop, media_type: str, body: str) -> None:
    answer = await shop.http.post(
        "/v1/imports?tags=m,n&uploader=cy",
        content=body.format(shop.origin.url("")).encode(),
        headers={"content-type": media_type},
    )
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert (job["tags"], job["uploader"]) == (["m", "n"], "cy")
    await shop.work()
    found = (await shop.get(f"/v1/imports/{job['id']}/items", state="failed"))["items"]
    assert [item["number"] for item in found] == [job["total"] + (1 if job["total"] == 2 else 2)]


async def test_places_are_listed_by_the_operators_names(shop: Shop) -> None:
    job = await shop.begin(source="shelf", prefix="a")
    assert (job["state"], job["source"], job["prefix"]) == ("listing", "shelf", "a")
    await shop.work()
    assert (await shop.get(f"/v1/imports/{job['id']}"))["done"] == 1
    answer = await shop.http.post("/v1/imports", json={"source": "s3://ours"})
    assert (answer.status_code, answer.json()["allowed"]) == (400, ["shelf"])


async def test_imports_are_listed_retried_and_cancelled(shop: Shop) -> None:
    first = await shop.begin(urls=[shop.origin.url("/a.txt"), shop.origin.url("/c.txt")])
    second = await shop.begin(url=shop.origin.url("/b.txt"))
    answer = await shop.http.post(f"/v1/imports/{first['id']}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    answer = await shop.http.delete(f"/v1/imports/{second['id']}")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    await shop.work()
    page = await shop.get("/v1/imports", limit=1)
    assert [job["id"] for job in page["imports"]] == [first["id"]]
    page = await shop.get("/v1/imports", cursor=page["cursor"])
    assert [(job["id"], job["skipped"]) for job in page["imports"]] == [(second["id"], 1)]
    shop.origin.files["/c.txt"] = b"It is here now.\n"
    answer = await shop.http.post(f"/v1/imports/{first['id']}/retry")
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    await shop.work()
    assert (await shop.get(f"/v1/imports/{first['id']}"))["done"] == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"url": "http://a/", "urls": []}, 400),
        ({"urls": []}, 400),
        ({"urls": [1]}, 400),
        ({"url": 7}, 400),
        ({"colour": "red"}, 400),
        ({"url": "http://a/", "recipe": "none-such"}, 422),
        ({"url": "http://a/", "recipe": {"steps": {}}}, 422),
        ({"url": "http://a/", "tags": ["a\nb"]}, 400),
        ({"url": "http://a/", "tags": ["x"] * 51}, 422),
        ({"urls": ["http://a/"] * 10_001}, 422),
        ({"source": "shelf", "prefix": "../x"}, 400),
        ([], 400),
        (None, 400),
    ],
)
async def test_what_cannot_be_imported_is_refused_whole(shop: Shop, body: Any, status: int) -> None:
    answer = await shop.http.post("/v1/imports", content=json.dumps(body).encode())
    assert answer.status_code == status, answer.text
    assert (await shop.get("/v1/imports"))["imports"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v1/imports/{MISSING}", 404),
        ("GET", "/v1/imports/x", 404),
        ("GET", f"/v1/imports/{MISSING}/items", 404),
        ("POST", f"/v1/imports/{MISSING}/retry", 404),
        ("DELETE", f"/v1/imports/{MISSING}", 404),
        ("GET", f"/v1/imports/{MISSING}/items?cursor=x", 400),
        ("GET", f"/v1/imports/{MISSING}/items?state=red", 422),
    ],
)
async def test_what_is_not_there_is_said_to_be(
    shop: Shop, method: str, path: str, status: int
) -> None:
    assert (await shop.http.request(method, path)).status_code == status


async def test_a_key_that_only_reads_and_a_token_begin_no_import(shop: Shop) -> None:
    made = await shop.http.post("/v1/keys", json={"name": "reader", "scopes": ["read"]})
    assert made.status_code == 201, made.text
    token = await shop.http.post("/v1/tokens", json={"max_count": 1})
    assert token.status_code == 201, token.text
    for secret in (made.json()["key"], token.json()["token"]):
        answer = await shop.http.post(
            "/v1/imports", json={"url": "http://a/"}, headers={"authorization": f"Bearer {secret}"}
        )
        assert answer.status_code == 403, answer.text
    answer = await shop.http.get(
        "/v1/imports", headers={"authorization": f"Bearer {made.json()['key']}"}
    )
    assert answer.status_code == 200
    answer = await shop.http.get("/v1/imports", headers={"authorization": "Bearer wrong"})
    assert answer.status_code == 401
