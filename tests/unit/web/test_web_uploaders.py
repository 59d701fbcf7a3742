"""Everything of one uploader, given out and erased, over HTTP and the stages behind it."""

import io
import json
import tarfile
from datetime import timedelta

import pytest

from mediakiln.model.access import Scope
from mediakiln.model.keys import Bucket, archive_key
from mediakiln.model.kind import AssetState
from mediakiln.stages.erasure import ARCHIVE_LOCK
from mediakiln.stages.reconcile.housekeeping import ARCHIVE_LOCK_DAYS
from mediakiln.stages.uploads.s3.keys import Keyed
from support.site import Site, publish
from unit.web.conftest import OpenSite

OWNER_KEY = "mk_owner_of_everything"
OWNER = {"Authorization": f"Bearer {OWNER_KEY}"}


@pytest.fixture
async def locked(open_site: OpenSite) -> Site:
    return await open_site(owner_key=OWNER_KEY)


async def objects(site: Site, id: str) -> list[str]:
    """Every object of an asset, in every bucket."""
    return [
        item.key
        for bucket in Bucket
        async for item in site.world.store.list(bucket)
        if id in item.key
    ]


async def with_archive(site: Site, uploader: str) -> str:
    """An asset with a product and its archive copy."""
    world = site.world
    asset = await world.upload(name=f"{uploader}.txt", uploader=uploader, tags=("private",))
    await publish(world, asset.id, "web", {"a.txt": "product"})
    key = archive_key(f"default/{asset.id}/web/1-1/a.txt", world.clock().date())
    await world.store.put(Bucket.ARCHIVE, key, b"product")
    return asset.id


async def test_an_erasure_takes_everything_of_one_uploader_and_nothing_else(locked: Site) -> None:
    world = locked.world
    hers = [await with_archive(locked, "ann") for _ in range(3)]
    his = await with_archive(locked, "bob")
    before = await objects(locked, his)
    ordered = await locked.http.post("/v1/erasures", json={"uploader": "ann"}, headers=OWNER)
    assert (ordered.status_code, ordered.json()["state"]) == (202, "running")
    world.clock.forward(seconds=1)
    later = await with_archive(locked, "ann")
    address = f"/v1/erasures/{ordered.json()['id']}"

    async def state() -> str:
        return str((await locked.http.get(address, headers=OWNER)).json()["state"])

    await locked.services.erasures.sweep()
    assert await state() == "settling"
    for id in hers:
        answer = await locked.http.get(f"/v1/assets/{id}", headers=OWNER)
        assert answer.status_code == 410
        record = await world.catalog.get(id)
        assert record is not None
        assert (record.uploader, record.name, record.tags) == ("", "erased", ())
    world.clock.forward(seconds=1)
    await world.reconcile.sweep()
    assert [key for id in hers for key in await objects(locked, id)] == [
        archive_key(f"default/{id}/web/1-1/a.txt", world.clock().date()) for id in hers
    ], "only what is locked is left"
    world.clock.forward(minutes=3)
    for _ in range(2):
        await locked.services.erasures.sweep()
    assert await state() == "locked"
    world.clock.forward(days=8, hours=2)
    await locked.services.erasures.sweep()
    done = (await locked.http.get(address, headers=OWNER)).json()
    assert (done["state"], done["assets"], done["uploader"]) == ("done", 3, "")
    assert [key for id in hers for key in await objects(locked, id)] == []
    assert await objects(locked, his) == before
    kept = await world.catalog.get(later)
    assert kept is not None
    assert kept.state is AssetState.READY


async def test_an_erasure_ends_uploads_and_forgets_keys(locked: Site) -> None:
    world = locked.world
    opened = await locked.http.post(
        "/v1/uploads", json={"filename": "a.txt", "size": 10, "uploader": "ann"}, headers=OWNER
    )
    address = f"/v1/uploads/{opened.json()['id']}"
    asset = await world.upload(uploader="ann")
    index = locked.services.s3.index
    entry = Keyed(key="ann.txt", asset=asset.id, size=1, etag="0", modified=world.clock())
    await index.put("default", entry)
    await locked.services.erasures.begin("default", "ann", by="owner")
    await locked.services.erasures.sweep()
    assert (await locked.http.get(address, headers=OWNER)).status_code == 410
    assert await index.get("default", "ann.txt") is None


async def test_an_export_holds_records_originals_and_products(locked: Site) -> None:
    id = await with_archive(locked, "ann")
    await with_archive(locked, "bob")
    answer = await locked.http.get("/v1/uploaders/ann/export", headers=OWNER)
    assert answer.headers["content-type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        names = archive.getnames()
        assert names == [
            f"{id}/asset.json",
            f"{id}/original/ann.txt",
            f"{id}/products/web/a.txt",
        ]
        record = archive.extractfile(names[0])
        product = archive.extractfile(names[2])
        assert record is not None
        assert product is not None
        assert json.loads(record.read())["uploader"] == "ann"
        assert product.read() == b"product"
    bare = await locked.http.get("/v1/uploaders/ann/export?files=false", headers=OWNER)
    with tarfile.open(fileobj=io.BytesIO(bare.content)) as archive:
        assert archive.getnames() == [f"{id}/asset.json"]


async def test_an_export_holds_uploads_in_progress(locked: Site) -> None:
    said = {"filename": "a.txt", "size": 10, "tags": ["private"]}
    for uploader in ("ann", "bob"):
        await locked.http.post("/v1/uploads", json=said | {"uploader": uploader}, headers=OWNER)
    answer = await locked.http.get("/v1/uploaders/ann/export", headers=OWNER)
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        [name] = archive.getnames()
        document = archive.extractfile(name)
        assert document is not None
        record = json.loads(document.read())
    assert name == f"uploads/{record['id']}.json"
    assert (record["uploader"], record["tags"], record["offset"]) == ("ann", ["private"], 0)
    assert not {"token", "key", "extra"} & set(record)


async def test_only_who_administers_a_project_erases_and_exports(locked: Site) -> None:
    _, text = await locked.services.access.keys.create(
        "k", project="default", scopes=[Scope.DELETE, Scope.READ], by="owner"
    )
    headers = {"Authorization": f"Bearer {text}"}
    erased = await locked.http.post("/v1/erasures", json={"uploader": "ann"}, headers=headers)
    exported = await locked.http.get("/v1/uploaders/ann/export", headers=headers)
    assert (erased.status_code, exported.status_code) == (403, 403)
    unknown = await locked.http.get("/v1/erasures/nix", headers=OWNER)
    assert unknown.status_code == 404


def test_the_lock_that_is_waited_for_is_the_archives() -> None:
    assert timedelta(days=ARCHIVE_LOCK_DAYS + 1) == ARCHIVE_LOCK
