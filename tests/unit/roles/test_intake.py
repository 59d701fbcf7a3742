"""The topic `objects`: our own messages, and what stores send there themselves."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from mediakiln.model.errors import UnreadableMessage
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, input_key
from mediakiln.model.messages import Message, ObjectCreated
from mediakiln.roles.receive import created
from mediakiln.sandbox.runner import ForkRunner
from support.world import TEXT, World

KEY_DATE = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ForkRunner())


def _s3(*keys: str) -> bytes:
    """An event message of S3, as its public description has it."""
    records: list[dict[str, Any]] = [
        {
            "eventVersion": "2.1",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "media-input"},
                "object": {"key": quote_plus(key), "size": 46, "eTag": "abc", "sequencer": "01"},
            },
        }
        for key in keys
    ]
    return json.dumps({"Records": records}).encode()


def _message(body: bytes) -> Message:
    return Message(id="1", key="", body=body)


def test_our_own_message_and_a_stores_say_the_same() -> None:
    id = new_id()
    key = input_key("default", id, KEY_DATE)
    ours = ObjectCreated(asset=id, key=key, bytes=46, etag="abc")
    assert created(ours.to_message()) == [key]
    assert created(_message(_s3(key, key))) == [key]


def test_keys_of_others_are_handed_on_to_the_rules_for_them() -> None:
    key = input_key("default", new_id(), KEY_DATE)
    assert created(_message(_s3("holiday/a b.jpg", key))) == ["holiday/a b.jpg", key]


def test_what_nobody_can_read_is_an_error_with_both_reasons() -> None:
    with pytest.raises(UnreadableMessage, match=r"CloudEvent.*notification"):
        created(_message(b'{"what": 1}'))


async def test_a_stores_notification_twice_makes_one_record(world: World) -> None:
    await world.start()
    id = new_id()
    key = input_key("default", id, world.clock())
    await world.store.put(Bucket.INPUT, key, TEXT)
    for _ in range(2):
        await world.broker.publish("objects", [_message(_s3(key))])
    for message in await world.messages("objects", "receive"):
        await world.handlers["objects", "receive"](message)
    assert [asset.id for asset in (await world.catalog.list("default")).assets] == [id]
