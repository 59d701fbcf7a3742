"""How senders of notifications begin, and who they are: SNS by its signature, others by key."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from mediakiln.adapters.broker.memory import MemoryBroker
from mediakiln.model.messages import ObjectCreated
from mediakiln.roles.objects import ObjectNews
from support.site import Site
from support.sns import CERTIFICATE_URL, NOW, SUBSCRIBE_URL, TOPIC, Amazon, question, signed
from support.world import NoRunner, World
from unit.web.conftest import OpenSite

PATH = "/v1/notifications/objects"
KEY = "an-owner-s-key-for-tests"
EVIL = "arn:aws:sns:eu-central-1:666:evil"
NOTE = json.dumps(
    {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": "input"}, "object": {"key": "drop/a.jpg", "size": 1}},
            }
        ]
    }
)


@pytest.fixture
def amazon() -> Amazon:
    return Amazon()


@pytest.fixture
async def locked(open_site: OpenSite, amazon: Amazon, tmp_path: Any) -> Site:
    """A site that asks for keys, and names a topic."""
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    news = ObjectNews(world.broker, amazon, topics=(TOPIC,), clock=lambda: NOW)
    return await open_site(world=world, owner_key=KEY, news=news)


async def post(site: Site, body: dict[str, Any], authorization: str = "") -> tuple[int, Any]:
    """Send it as SNS does."""
    headers = {
        "Authorization": authorization,
        "Content-Type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": str(body["Type"]),
    }
    request = site.http.build_request("POST", PATH, content=json.dumps(body), headers=headers)
    if not authorization:
        del request.headers["Authorization"]
    answer = await site.http.send(request)
    return answer.status_code, answer.json()


async def told(site: Site) -> list[str]:
    messages = await site.world.messages("objects", "receive")
    return [ObjectCreated.of(message).key for message in messages]


async def test_a_signature_stands_in_place_of_a_key_for_topics_of_the_settings(
    locked: Site, amazon: Amazon
) -> None:
    for _ in range(2):  # SNS delivers at least once
        assert await post(locked, signed(NOTE)) == (200, {"objects": 1})
    assert await told(locked) == ["drop/a.jpg"] * 2
    assert amazon.urls == [CERTIFICATE_URL]
    for body, status in (
        (signed(NOTE, TopicArn=EVIL), 401),
        (signed(NOTE) | {"Message": "{}"}, 403),
        (signed(NOTE) | {"TopicArn": EVIL}, 401),
        ({key: value for key, value in signed(NOTE).items() if key != "Signature"}, 403),
        (signed(NOTE, Timestamp=(NOW - timedelta(hours=2)).isoformat()), 403),
        ({"Type": "SubscriptionConfirmation"}, 401),
        ({"Type": "Other", "TopicArn": TOPIC}, 401),
    ):
        assert (await post(locked, body))[0] == status, body
    assert await told(locked) == []


async def test_a_key_opens_for_other_topics_and_signatures_count_beside_it(locked: Site) -> None:
    basic = "Basic " + base64.b64encode(f"sns:{KEY}".encode()).decode()
    for authorization in (basic, f"Bearer {KEY}"):
        body = signed(NOTE, TopicArn=EVIL)
        assert await post(locked, body, authorization) == (200, {"objects": 1})
        assert (await post(locked, body | {"Message": "{}"}, authorization))[0] == 403
        assert (await post(locked, body, authorization + "wrong"))[0] == 401
    unsigned = {"Type": "Notification", "TopicArn": EVIL, "Message": NOTE}
    assert await post(locked, unsigned, basic) == (200, {"objects": 1})


async def test_who_sends_a_password_when_asked_is_asked(locked: Site) -> None:
    request = locked.http.build_request("POST", PATH, content=b"{}")
    del request.headers["Authorization"]
    answer = await locked.http.send(request)
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == ['Basic realm="mediakiln"']


async def test_a_subscription_is_confirmed_only_for_a_topic_of_the_settings_at_amazon(
    locked: Site, amazon: Amazon
) -> None:
    key = f"Bearer {KEY}"
    for note, status in (
        (question(TopicArn=EVIL), 403),
        (question(SubscribeURL="https://sns.eu-central-1.amazonaws.com.evil.example/"), 400),
        (question(SubscribeURL="https://evil.example/?sns.eu-central-1.amazonaws.com"), 400),
        (question(SubscribeURL="https://sns.eu-central-1.amazonaws.com@evil.example/"), 400),
        (question(SubscribeURL="https://sns.eu-central-1.amazonaws.com:444/"), 400),
        (question(SubscribeURL="http://sns.eu-central-1.amazonaws.com/"), 400),
        (question() | {"Token": "2"}, 403),
        (question() | {"Signature": None}, 403),
    ):
        assert (await post(locked, note, key))[0] == status, note
    assert SUBSCRIBE_URL not in amazon.urls
    for authorization in ("", key):
        assert await post(locked, question(), authorization) == (200, {"confirmed": TOPIC})
    assert amazon.urls.count(SUBSCRIBE_URL) == 2


async def test_amazon_is_asked_again_when_it_could_not_answer(open_site: OpenSite) -> None:
    broker = MemoryBroker.from_url("memory://")
    news = ObjectNews(broker, Amazon({}), topics=(TOPIC,), clock=lambda: NOW)
    site = await open_site(owner_key=KEY, news=news)
    assert (await post(site, signed(NOTE)))[0] == 403
    assert (await post(site, signed(NOTE)))[0] == 502


async def test_a_sender_of_cloud_events_asks_whether_it_may(locked: Site) -> None:
    asked = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    request = locked.http.build_request("OPTIONS", PATH, headers=asked)
    del request.headers["Authorization"]
    answer = await locked.http.send(request)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert answer.headers["webhook-allowed-rate"] == "*"
    for headers, status in (({"WebHook-Request-Origin": "a b"}, 400), ({}, 200)):
        answer = await locked.http.options(PATH, headers=headers)
        assert answer.status_code == status
        assert "webhook-allowed-origin" not in answer.headers


async def test_event_grid_s_events_are_taken_in_both_schemas(locked: Site) -> None:
    data = {"url": "https://kilns.blob.core.windows.net/input/drop/a%20b.jpg", "contentLength": 1}
    what = "Microsoft.Storage.BlobCreated"
    for schema in (
        {"eventType": what, "dataVersion": "", "metadataVersion": "1"},
        {"type": what, "specversion": "1.0", "source": "/subscriptions/s"},
    ):
        answer = await locked.http.post(PATH, json=[{"id": "1", "data": data, **schema}])
        assert answer.json() == {"objects": 1}
        assert await told(locked) == ["drop/a b.jpg"]
