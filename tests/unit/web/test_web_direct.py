"""Uploads past this service: signed requests, completion, and what stores tell of objects."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.broker.memory import MemoryBroker
from mediakiln.model.access import Quota, Scope
from mediakiln.model.errors import EngineUnavailable, UploadExpired
from mediakiln.model.keys import Bucket
from mediakiln.model.messages import ObjectCreated
from mediakiln.stages.uploads.book import UploadBook
from support.signing import SigningStore
from support.site import Site, a_text
from support.world import NoRunner, World
from unit.web.conftest import OpenSite

KEY = "an-owner-s-key-for-tests"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:objects"


@pytest.fixture
async def signing(open_site: Any, tmp_path: Any) -> Site:
    """A site whose store takes uploads straight from clients."""
    world = World(tmp=tmp_path, runner=NoRunner(), store=SigningStore())  # type: ignore[arg-type]
    opened: Site = await open_site(world=world)
    return opened


async def offered(site: Site, **said: Any) -> dict[str, Any]:
    body = {"name": "a.txt", "size": 100, "type": "text/plain", **said}
    answer = await site.http.post("/v1/uploads/direct", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_store_that_cannot_says_which_doors_there_are(site: Site) -> None:
    answer = await site.http.post("/v1/uploads/direct", json={"name": "a.txt", "size": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "not_supported")
    assert "/v1/uploads" in answer.json()["hint"]


async def test_what_was_said_at_the_offer_is_the_asset_s(signing: Site) -> None:
    offer = await offered(signing, uploader="ada", tags=["one"], recipe="document")
    assert offer["put"]["headers"] == {"Content-Type": "text/plain"}
    assert offer["form"]["fields"]["key"] == offer["key"]
    await signing.world.store.put(Bucket.INPUT, offer["key"], a_text(100))
    answers = [await signing.http.post(offer["complete_url"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    asset = answers[1].json()
    assert (asset["id"], asset["name"], asset["uploader"]) == (offer["id"], "a.txt", "ada")
    assert (asset["tags"], asset["state"]) == (["one"], "received")
    assert answers[1].headers["location"].endswith(f"/v1/assets/{offer['id']}")


async def test_what_arrived_counts_against_its_keys_quota(
    open_site: OpenSite, tmp_path: Path
) -> None:
    world = World(tmp=tmp_path, runner=NoRunner(), store=SigningStore())  # type: ignore[arg-type]
    site = await open_site(world=world, owner_key=KEY)
    _, key = await site.services.access.keys.create(
        "k", project="default", scopes=[Scope.UPLOAD], by="owner", quota=Quota(bytes=100)
    )
    site.http.headers["authorization"] = f"Bearer {key}"
    offer = await offered(site)
    await world.store.put(Bucket.INPUT, offer["key"], a_text(100))
    assert (await site.http.post(offer["complete_url"])).status_code == 200
    refused = await site.http.post("/v1/uploads/direct", json={"name": "b.txt", "size": 1})
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")


async def test_what_is_not_there_yet_cannot_be_completed(signing: Site) -> None:
    offer = await offered(signing)
    answer = await signing.http.post(offer["complete_url"])
    assert (answer.status_code, answer.json()["code"]) == (404, "object_missing")
    other = await signing.http.post("/v1/uploads/direct/nix/complete")
    assert (other.status_code, other.json()["code"]) == (404, "not_found")
    signing.world.clock.forward(days=4)
    with pytest.raises(UploadExpired):
        await signing.world.direct.complete("default", offer["id"])


async def test_a_file_of_another_size_is_rejected_and_not_kept(signing: Site) -> None:
    offer = await offered(signing)
    await signing.world.store.put(Bucket.INPUT, offer["key"], a_text(99))
    asset = (await signing.http.post(offer["complete_url"])).json()
    assert (asset["state"], asset["error"]["code"]) == ("rejected", "incomplete_upload")
    assert await signing.world.store.head(Bucket.INPUT, offer["key"]) is None


async def test_an_upload_nobody_completed_is_taken_in_at_its_end(signing: Site) -> None:
    offer = await offered(signing)
    await signing.world.store.put(Bucket.INPUT, offer["key"], a_text(100))
    book = UploadBook(signing.world.catalog, clock=signing.world.clock)
    upload = await book.get("default", offer["id"])
    signing.world.clock.forward(days=4)
    await signing.world.direct.clean(upload)
    assert (await signing.world.asset(offer["id"])).name == "a.txt"
    await signing.world.direct.clean(upload.model_copy(update={"id": offer["id"][::-1]}))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": 0}, "invalid_request"),
        ({"size": 6 << 30}, "too_large"),
        ({"size": "many"}, "invalid_request"),
        ({"name": "../a"}, "invalid_name"),
        ({"type": "text/plain\nX-Evil: 1"}, "invalid_request"),
        ({"recipe": "nobody-knows"}, "unknown_recipe"),
        ({"tags": ["x" * 65]}, "invalid_request"),
        ({"uploader": "x" * 201}, "invalid_request"),
        ({"else": 1}, "invalid_request"),
    ],
)
async def test_what_would_be_refused_is_refused_before_it_is_sent(
    signing: Site, change: dict[str, Any], code: str
) -> None:
    body = {"name": "a.txt", "size": 100} | change
    answer = await signing.http.post("/v1/uploads/direct", json=body)
    assert answer.json()["code"] == code, answer.text
    assert 400 <= answer.status_code < 500
    assert [upload async for upload in UploadBook(signing.world.catalog).all()] == []


def s3_note(*keys: str) -> dict[str, Any]:
    """As MinIO posts it."""
    records = [
        {
            "eventVersion": "2.0",
            "eventSource": "minio:s3",
            "eventName": "s3:ObjectCreated:Put",
            "s3": {"bucket": {"name": "input"}, "object": {"key": key, "size": 1}},
        }
        for key in keys
    ]
    return {"EventName": "s3:ObjectCreated:Put", "Key": f"input/{keys[0]}", "Records": records}


async def test_a_store_s_news_are_kept_before_they_are_acknowledged(signing: Site) -> None:
    offer = await offered(signing)
    note = s3_note(offer["key"], offer["key"], "drop/two+words.jpg")
    answer = await signing.http.post("/v1/notifications/objects", json=note)
    assert (answer.status_code, answer.json()) == (200, {"objects": 2})
    told = [ObjectCreated.of(m) for m in await signing.world.messages("objects", "receive")]
    assert [each.key for each in told] == [offer["key"], "drop/two words.jpg"]
    assert told[0].asset == offer["id"]


async def test_news_that_cannot_be_kept_are_not_acknowledged(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def out(*_: Any, **__: Any) -> None:
        raise EngineUnavailable

    monkeypatch.setattr(MemoryBroker, "publish", out)
    answer = await site.http.post("/v1/notifications/objects", json=s3_note("a/b"))
    assert answer.status_code == 503


@pytest.mark.parametrize("body", [b"", b"nonsense", b"{}", b"null", b"[[[[1]]]]", b"\xff"])
async def test_what_no_store_says_is_refused(site: Site, body: bytes) -> None:
    answer = await site.http.post("/v1/notifications/objects", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_notification_too_large_is_refused(site: Site) -> None:
    answer = await site.http.post("/v1/notifications/objects", content=b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413


async def test_deletions_and_test_events_are_acknowledged_and_change_nothing(site: Site) -> None:
    removed = s3_note("a/b")
    removed["Records"][0]["eventName"] = "s3:ObjectRemoved:Delete"
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "input"}
    for note in (removed, test):
        answer = await site.http.post("/v1/notifications/objects", json=note)
        assert (answer.status_code, answer.json()) == (200, {"objects": 0})
    assert not await site.world.messages("objects", "receive")


async def test_a_key_is_needed_and_may_be_a_password(open_site: Any) -> None:
    site: Site = await open_site(owner_key=KEY)
    path, note = "/v1/notifications/objects", s3_note("a/b")
    basic = base64.b64encode(f"sns:{KEY}".encode()).decode()
    for authorization, status in (
        ("", 401),
        ("Basic", 401),
        ("Basic %%%", 401),
        (f"Basic {base64.b64encode(KEY.encode()).decode()}", 401),
        (f"Basic {basic}", 200),
        (f"Bearer {KEY}", 200),
    ):
        headers = {"Authorization": authorization}
        answer = await site.http.post(path, json=note, headers=headers)
        assert answer.status_code == status, authorization


async def test_event_grid_s_question_is_answered(site: Site) -> None:
    question = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"},
    }
    answer = await site.http.post("/v1/notifications/objects", json=[question])
    assert answer.json() == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}


async def test_news_by_sns_are_unwrapped(site: Site) -> None:
    wrapped = {"Type": "Notification", "TopicArn": TOPIC, "Message": json.dumps(s3_note("a/b"))}
    content = json.dumps(wrapped)
    headers = {"Content-Type": "text/plain; charset=UTF-8"}  # as SNS has it
    answer = await site.http.post("/v1/notifications/objects", content=content, headers=headers)
    assert answer.json() == {"objects": 1}


async def test_an_object_that_the_store_tells_of_becomes_its_upload_s_asset(signing: Site) -> None:
    offer = await offered(signing, tags=["told"])
    await signing.world.store.put(Bucket.INPUT, offer["key"], a_text(100))
    for _ in range(2):
        await signing.http.post("/v1/notifications/objects", json=s3_note(offer["key"]))
    for message in await signing.world.messages("objects", "receive"):
        await signing.world.handlers["objects", "receive"](message)
    asset = await signing.world.asset(offer["id"])
    assert (asset.tags, asset.bytes, asset.version) == (("told",), 100, 1)
    assert asset.created_at - signing.world.clock() == timedelta()
