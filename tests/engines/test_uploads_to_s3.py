"""Files that go straight to the bucket of an S3 store, past this service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from aiobotocore.session import get_session

from support import media
from support.deployments import settings_of, urls_of
from support.platform import Platform, platform
from support.servers import server
from support.waiting import eventually

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3")]

DROPS = [{"prefix": "drop/team-a/", "recipe": "image", "uploader": "team-a", "tags": ["dropped"]}]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Platform]:
    """A platform whose objects are on S3, with a rule for what is dropped."""
    settings = urls_of("embedded+s3+embedded") | {
        "DROPS": json.dumps(DROPS),
        "LOST_GRACE_S": "2",
    }
    with platform(tmp_path, settings=settings, auth=True) as made:
        yield made


@pytest.fixture
def http(site: Platform) -> Iterator[httpx2.Client]:
    """With the owner's key."""
    key = (site.data / "owner.key").read_text()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=site.url, headers=headers, trust_env=False) as client:
        yield client


def offered(http: httpx2.Client, content: bytes, **said: Any) -> dict[str, Any]:
    given = {"name": "büro.jpg", "size": len(content), "type": "image/jpeg"} | said
    answer = http.post("/v1/uploads/direct", json=given)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def settled(http: httpx2.Client, id: str) -> dict[str, Any]:
    answer = http.get(f"/v1/assets/{id}?wait=60", timeout=70)
    return dict(answer.json())


async def drop(site: Platform, key: str, content: bytes, **said: Any) -> None:
    """As `aws s3 cp` does, with metadata or tags."""
    async with get_session().create_client("s3", endpoint_url=server("S3", "s3")) as s3:
        await s3.put_object(Bucket=_bucket(site), Key=key, Body=content, **said)


def _bucket(site: Platform) -> str:
    return f"{settings_of(site).store_url.removeprefix('s3://').partition('?')[0]}-input"


def _told(bucket: str, key: str) -> dict[str, Any]:
    """What MinIO posts to a webhook."""
    thing = {"key": quote(key, safe=""), "size": 7, "eTag": "x", "sequencer": "17A0B1C2D3E4F506"}
    record = {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "eventName": "s3:ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": thing},
    }
    return {
        "EventName": "s3:ObjectCreated:Put",
        "Key": f"{bucket}/{key}",
        "Records": [record],
    }


def test_a_file_put_by_its_signed_request_is_an_asset_once_completed(http: httpx2.Client) -> None:
    photo = media.jpeg(1)
    offer = offered(http, photo, uploader="ada", tags=["one"], recipe="image")
    early = http.post(offer["complete_url"])
    assert (early.status_code, early.json()["code"]) == (404, "object_missing")
    put = offer["put"]
    sent = httpx2.put(put["url"], content=photo, headers=put["headers"], trust_env=False)
    assert sent.status_code == 200, sent.text
    answers = [http.post(offer["complete_url"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["id"] for answer in answers} == {offer["id"]}
    asset = settled(http, offer["id"])
    assert (asset["state"], asset["name"], asset["uploader"]) == ("ready", "büro.jpg", "ada")
    assert asset["tags"] == ["one"]
    assert http.get(f"/v1/assets/{offer['id']}/original").content == photo


def test_the_store_takes_nothing_but_what_was_signed(http: httpx2.Client) -> None:
    photo = media.jpeg(2)
    put = offered(http, photo)["put"]
    longer = httpx2.put(put["url"], content=photo + b"!", headers=put["headers"], trust_env=False)
    other = {**put["headers"], "Content-Type": "text/html"}
    typed = httpx2.put(put["url"], content=photo, headers=other, trust_env=False)
    assert (longer.status_code, typed.status_code) == (403, 403)
    first, second = (
        httpx2.put(put["url"], content=photo, headers=put["headers"], trust_env=False)
        for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (200, 412)


def test_a_browser_s_form_is_taken_and_its_policy_is_kept(http: httpx2.Client) -> None:
    photo = media.jpeg(3)
    offer = offered(http, photo)
    form = offer["form"]

    def post(content: bytes) -> httpx2.Response:
        return httpx2.post(
            form["url"],
            data=form["fields"],
            files={"file": ("a.jpg", content, "image/jpeg")},
            trust_env=False,
        )

    assert post(photo + b"!").status_code == 400
    assert post(photo).status_code == 204
    http.post(offer["complete_url"])
    assert settled(http, offer["id"])["state"] == "ready"


async def test_the_store_s_notification_completes_an_upload_by_itself(
    site: Platform, http: httpx2.Client
) -> None:
    photo = media.jpeg(4)
    offer = offered(http, photo, tags=["told"])
    put = offer["put"]
    httpx2.put(put["url"], content=photo, headers=put["headers"], trust_env=False)
    note = _told(_bucket(site), offer["key"])
    for _ in range(2):
        told = http.post("/v1/notifications/objects", json=note)
        assert (told.status_code, told.json()) == (200, {"objects": 1})
    await eventually(lambda: http.get(f"/v1/assets/{offer['id']}").is_success, within_s=30)
    asset = settled(http, offer["id"])
    assert (asset["state"], asset["tags"], asset["run"]) == ("ready", ["told"], 1)


async def test_an_object_that_is_dropped_is_processed_by_its_rule(
    site: Platform, http: httpx2.Client
) -> None:
    key = "drop/team-a/in the garden ü.jpg"
    await drop(site, key, media.jpeg(5), Metadata={"mediakiln-uploader": "ada"})
    await drop(site, "other/a.jpg", media.jpeg(5))
    for name in (key, "other/a.jpg"):
        assert http.post("/v1/notifications/objects", json=_told(_bucket(site), name)).is_success
    await eventually(lambda: len(http.get("/v1/assets").json()["assets"]) == 1, within_s=30)
    (found,) = http.get("/v1/assets").json()["assets"]
    asset = settled(http, found["id"])
    assert (asset["state"], asset["name"]) == ("ready", "in the garden ü.jpg")
    assert (asset["uploader"], asset["tags"]) == ("ada", ["dropped"])
    assert http.get(f"/v1/assets/{found['id']}/original").content == media.jpeg(5)


async def test_tags_of_an_object_choose_its_recipe(site: Platform, http: httpx2.Client) -> None:
    await drop(site, "drop/team-a/b.jpg", media.jpeg(6), Tagging="mediakiln-recipe=nobody-knows")
    http.post("/v1/notifications/objects", json=_told(_bucket(site), "drop/team-a/b.jpg"))
    await eventually(lambda: len(http.get("/v1/assets").json()["assets"]) == 1, within_s=30)
    (found,) = http.get("/v1/assets").json()["assets"]
    assert (found["state"], found["error"]["code"]) == ("rejected", "unknown_recipe")


async def test_an_object_whose_event_was_lost_is_found(site: Platform, http: httpx2.Client) -> None:
    await drop(site, "drop/team-a/lost.jpg", media.jpeg(7))
    offer = offered(http, media.jpeg(8))
    put = offer["put"]
    httpx2.put(put["url"], content=media.jpeg(8), headers=put["headers"], trust_env=False)
    await eventually(lambda: len(http.get("/v1/assets").json()["assets"]) == 2, within_s=40)
    names = {
        settled(http, found["id"])["name"] for found in http.get("/v1/assets").json()["assets"]
    }
    assert names == {"lost.jpg", "büro.jpg"}
