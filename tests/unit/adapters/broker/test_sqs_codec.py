import hashlib
from typing import Any

import pytest

from mediakiln.adapters.broker.sqs.batches import MAX_BYTES
from mediakiln.adapters.broker.sqs.codec import Parcel, pack, unpack
from mediakiln.model.messages import MAX_MESSAGE_BYTES, Message, Received


def arrived(parcel: Parcel) -> dict[str, Any]:
    return {"MessageId": "by-sqs", "Body": parcel.body, "MessageAttributes": parcel.attributes}


def encoding(parcel: Parcel) -> str | None:
    found = parcel.attributes.get("encoding")
    return None if found is None else str(found["StringValue"])


def test_an_event_is_sent_as_the_cloud_event_that_it_is() -> None:
    message = Received(asset="a-1").to_message()
    parcel = pack(message)
    assert parcel.body.encode() == message.body
    assert sorted(parcel.attributes) == ["id", "key", "project"]
    assert unpack(arrived(parcel)) == message


@pytest.mark.parametrize(
    "body", [b"", b"\0", b"\xff\xfe", b"a\r\nb", "\ufffe".encode(), b"\x1b[0m", bytes(range(256))]
)
def test_what_is_not_text_for_sqs_is_marked_and_comes_back_as_it_was(body: bytes) -> None:
    parcel = pack(Message(id="m", key="k", body=body))
    assert parcel.body
    assert parcel.body.isascii()
    assert parcel.body.isprintable()
    assert encoding(parcel) in {"base64", "empty"}
    assert unpack(arrived(parcel)).body == body


@pytest.mark.parametrize("text", ["plain", "\t tab\nline", "☃ \u202e", "\U0001f600", "\ufffd"])
def test_text_stays_text(text: str) -> None:
    parcel = pack(Message(id="m", key="k", body=text.encode()))
    assert parcel.body == text
    assert encoding(parcel) is None


def test_any_id_key_and_project_comes_back() -> None:
    message = Message(id="\0☃", key="", project="p 2/\u202e%41", body=b"x")
    parcel = pack(message)
    assert all(value["StringValue"].isascii() for value in parcel.attributes.values())
    assert "key" not in parcel.attributes
    assert unpack(arrived(parcel)) == message


def test_any_bytes_come_back() -> None:
    for number in range(200):
        body = hashlib.sha256(bytes([number])).digest()[: number % 32]
        message = Message(id="m", key="k", body=body)
        assert unpack(arrived(pack(message))) == message


def test_the_largest_message_fits_into_a_batch_with_its_attributes() -> None:
    parcel = pack(Message(id="m", key="k" * 300, body=b"\xff" * MAX_MESSAGE_BYTES))
    named = sum(
        len(name) + len(value["DataType"]) + len(value["StringValue"])
        for name, value in parcel.attributes.items()
    )
    assert parcel.size == len(parcel.body) + named
    assert parcel.size < MAX_BYTES


def test_a_message_that_others_sent_is_kept_with_its_bytes() -> None:
    strange = {"encoding": {"DataType": "String", "StringValue": "base64"}}
    for attributes in ({}, strange):
        raw = {"MessageId": "by-sqs", "Body": "no base64!", "MessageAttributes": attributes}
        message = unpack(raw)
        assert (message.id, message.key, message.project) == ("by-sqs", "", "default")
        assert message.body == b"no base64!"
    assert unpack({"MessageId": "by-sqs", "Body": "x"}).body == b"x"


def test_a_project_too_long_for_a_message_group_has_a_share_of_its_own() -> None:
    shares = {pack(Message(id="m", key="k", project=p * 200, body=b"")).share for p in "abc"}
    assert len(shares) == 3
    assert all(len(share) <= 128 for share in shares)
    assert pack(Message(id="m", key="k", project="p 1", body=b"")).share == "p%201"
