import base64
import json
from typing import Any

import pytest

from mediakiln.adapters.object_store.notifications import (
    Greeting,
    ObjectCreated,
    greeting,
    is_later,
    parse,
)
from mediakiln.model.errors import UnreadableMessage

_S3_PUT = """{
  "Records": [{
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "awsRegion": "eu-central-1",
    "eventTime": "2026-03-01T10:00:00.000Z",
    "eventName": "ObjectCreated:Put",
    "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
    "requestParameters": {"sourceIPAddress": "203.0.113.7"},
    "responseElements": {"x-amz-request-id": "0123456789ABCDEF"},
    "s3": {
      "s3SchemaVersion": "1.0",
      "configurationId": "uploads",
      "bucket": {"name": "kiln-input", "ownerIdentity": {"principalId": "A1"},
                 "arn": "arn:aws:s3:::kiln-input"},
      "object": {"key": "p/2026/03/01/a+b%2Bc%25+%C3%A4.jpg", "size": 1024,
                 "eTag": "d41d8cd98f00b204e9800998ecf8427e", "versionId": "v1",
                 "sequencer": "0055AED6DCD90281E5"}
    }
  }]
}"""
_PUT = ObjectCreated(
    bucket="kiln-input",
    key="p/2026/03/01/a b+c% ä.jpg",
    size=1024,
    etag="d41d8cd98f00b204e9800998ecf8427e",
    version="v1",
    sequencer="0055AED6DCD90281E5",
    name="ObjectCreated:Put",
)

_MINIO = """{
  "EventName": "s3:ObjectCreated:CompleteMultipartUpload",
  "Key": "kiln-input/p/two words.mp4",
  "Records": [{
    "eventVersion": "2.0", "eventSource": "minio:s3", "awsRegion": "",
    "eventName": "s3:ObjectCreated:CompleteMultipartUpload",
    "s3": {
      "s3SchemaVersion": "1.0", "configurationId": "Config",
      "bucket": {"name": "kiln-input", "arn": "arn:aws:s3:::kiln-input"},
      "object": {"key": "p%2Ftwo+words.mp4", "size": 9000000, "eTag": "abc-2",
                 "contentType": "video/mp4", "sequencer": "17A0B1C2D3E4F506"}
    },
    "source": {"host": "127.0.0.1", "port": "", "userAgent": "test"}
  }]
}"""

_EVENT_BRIDGE = """{
  "version": "0", "id": "11111111-2222-3333-4444-555555555555",
  "detail-type": "Object Created", "source": "aws.s3", "account": "123456789012",
  "time": "2026-03-01T10:00:00Z", "region": "eu-central-1",
  "resources": ["arn:aws:s3:::kiln-input"],
  "detail": {
    "version": "0", "bucket": {"name": "kiln-input"},
    "object": {"key": "p/a+b %41.jpg", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184",
               "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "sequencer": "617f08299329d189"},
    "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012",
    "source-ip-address": "203.0.113.7", "reason": "PutObject"
  }
}"""

_GCS_OBJECT = {
    "kind": "storage#object",
    "id": "kiln-input/p/a+b.jpg/1790000000000001",
    "name": "p/a+b.jpg",
    "bucket": "kiln-input",
    "generation": "1790000000000001",
    "size": "77",
    "etag": "CIHwmNLfyv4CEAE=",
}

_AZURE = """[{
  "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/kilns",
  "subject": "/blobServices/default/containers/kiln-input/blobs/p/a b.jpg",
  "eventType": "Microsoft.Storage.BlobCreated", "eventTime": "2026-03-01T10:00:00.0Z",
  "id": "831e1650-001e-001b-66ab-eeb76e069631",
  "data": {
    "api": "PutBlockList", "clientRequestId": "6d79dbfb", "requestId": "831e1650",
    "eTag": "\\"0x8D4BCC2E4835CD0\\"", "contentType": "image/jpeg", "contentLength": 524288,
    "blobType": "BlockBlob", "url": "https://kilns.blob.core.windows.net/kiln-input/p/a%20b%2B.jpg",
    "sequencer": "00000000000004420000000000028963", "storageDiagnostics": {"batchId": "b68529f3"}
  },
  "dataVersion": "", "metadataVersion": "1"
}]"""


def _records(**change: Any) -> str:
    document = json.loads(_S3_PUT)
    document["Records"][0] |= change
    return json.dumps(document)


def _pubsub(attributes: dict[str, str], resource: dict[str, Any] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"attributes": attributes, "messageId": "1"}
    if resource is not None:
        made["data"] = base64.b64encode(json.dumps(resource).encode()).decode()
    return made


_FINALIZE = {
    "eventType": "OBJECT_FINALIZE",
    "payloadFormat": "JSON_API_V1",
    "bucketId": "kiln-input",
    "objectId": "p/a+b.jpg",
    "objectGeneration": "1790000000000001",
}


def test_an_s3_key_is_decoded_from_its_form_encoding() -> None:
    assert parse(_S3_PUT) == [_PUT]
    assert parse(_S3_PUT.encode()) == [_PUT]


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6"])
def test_every_second_version_of_the_s3_message_is_read(version: str) -> None:
    assert parse(_records(eventVersion=version, aFieldOfLater={"more": 1})) == [_PUT]


@pytest.mark.parametrize("how", ["Put", "Post", "Copy", "CompleteMultipartUpload"])
def test_every_way_of_creating_an_object_counts(how: str) -> None:
    (event,) = parse(_records(eventName=f"ObjectCreated:{how}"))
    assert event.name == f"ObjectCreated:{how}"


@pytest.mark.parametrize(
    "name",
    [
        "ObjectRemoved:Delete",
        "ObjectRestore:Completed",
        "LifecycleExpiration:Delete",
        "ObjectTagging:Put",
        "s3:ObjectAccessed:Get",
    ],
)
def test_other_events_name_no_object(name: str) -> None:
    assert parse(_records(eventName=name)) == []


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a+b", "a b"),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("a%252Bb", "a%2Bb"),
        ("100%25", "100%"),
        ("a%2Fb/c", "a/b/c"),
        ("%E6%97%A5%E6%9C%AC", "日本"),
        ("plain", "plain"),
    ],
)
def test_keys_are_decoded_once_from_s3_and_from_minio_by_webhook_and_kafka(
    encoded: str, key: str
) -> None:
    for text in (_S3_PUT, _MINIO):
        document = json.loads(text)
        document["Records"][0]["s3"]["object"]["key"] = encoded
        assert [event.key for event in parse(json.dumps(document))] == [key]


def test_several_records_keep_their_order_and_their_duplicates() -> None:
    document = json.loads(_S3_PUT)
    removed = json.loads(_records(eventName="ObjectRemoved:Delete"))["Records"][0]
    (other,) = json.loads(_MINIO)["Records"]
    document["Records"] = [other, document["Records"][0], removed, document["Records"][0]]
    assert [event.key for event in parse(json.dumps(document))] == [
        "p/two words.mp4",
        _PUT.key,
        _PUT.key,
    ]


def test_an_unversioned_bucket_and_an_empty_object_are_told_as_such() -> None:
    thing = {"key": "k", "size": 0, "eTag": '"x"'}
    (event,) = parse(_records(s3={"bucket": {"name": "b"}, "object": thing}))
    assert event == ObjectCreated("b", "k", 0, "x", None, None, "ObjectCreated:Put")


def test_minio_speaks_like_s3() -> None:
    (event,) = parse(_MINIO)
    assert (event.bucket, event.key, event.size) == ("kiln-input", "p/two words.mp4", 9000000)
    assert event.name == "ObjectCreated:CompleteMultipartUpload"


def test_the_test_event_of_a_new_subscription_is_nothing() -> None:
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "kiln-input"}
    assert parse(json.dumps(test)) == []
    assert parse(_sns(json.dumps(test))) == []


def _sns(message: str, kind: str = "Notification") -> str:
    wrapped = {"Type": kind, "MessageId": "m", "TopicArn": "arn:aws:sns:x:1:t", "Message": message}
    return json.dumps(wrapped)


def test_what_sns_wraps_is_unwrapped() -> None:
    assert parse(_sns(_S3_PUT)) == [_PUT]
    assert parse(_sns("You have chosen to subscribe", "SubscriptionConfirmation")) == []


def test_the_keys_of_event_bridge_are_not_encoded() -> None:
    (event,) = parse(_EVENT_BRIDGE)
    assert event.key == "p/a+b %41.jpg"
    assert (event.size, event.sequencer) == (5, "617f08299329d189")
    assert event.version == "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
    assert parse(_EVENT_BRIDGE.replace("Object Created", "Object Deleted")) == []


@pytest.mark.parametrize("pushed", [True, False])
def test_google_s_messages_are_read_pushed_and_pulled(pushed: bool) -> None:
    message = _pubsub(_FINALIZE, _GCS_OBJECT)
    body = {"message": message, "subscription": "projects/p/subscriptions/s"} if pushed else message
    (event,) = parse(json.dumps(body))
    assert (event.bucket, event.key, event.size) == ("kiln-input", "p/a+b.jpg", 77)
    assert (event.version, event.etag) == ("1790000000000001", "CIHwmNLfyv4CEAE=")


def test_google_s_messages_are_read_without_their_payload() -> None:
    (event,) = parse(json.dumps(_pubsub(_FINALIZE | {"payloadFormat": "NONE"}, None)))
    assert (event.key, event.size, event.etag) == ("p/a+b.jpg", None, "")
    assert parse(json.dumps(_pubsub(_FINALIZE | {"eventType": "OBJECT_DELETE"}, None))) == []


def test_later_generations_have_greater_sequencers() -> None:
    (early,) = parse(json.dumps(_pubsub(_FINALIZE | {"objectGeneration": "999"}, None)))
    (late,) = parse(json.dumps(_pubsub(_FINALIZE | {"objectGeneration": "1000"}, None)))
    assert is_later(late.sequencer, early.sequencer)
    assert not is_later(early.sequencer, late.sequencer)


def test_azure_s_events_are_read_in_both_schemas() -> None:
    (event,) = parse(_AZURE)
    assert (event.bucket, event.key) == ("kilns/kiln-input", "p/a b+.jpg")
    assert (event.size, event.etag) == (524288, "0x8D4BCC2E4835CD0")
    (own,) = json.loads(_AZURE)
    cloud_event = {
        "specversion": "1.0",
        "type": "Microsoft.Storage.BlobCreated",
        "source": own["topic"],
        "id": own["id"],
        "data": own["data"],
    }
    assert parse(json.dumps(cloud_event)) == [event]
    assert parse(json.dumps([cloud_event, cloud_event])) == [event, event]
    handshake = own | {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"}
    assert parse(json.dumps([handshake])) == []


@pytest.mark.parametrize(
    ("one", "other", "later"),
    [
        ("0055AED6DCD90281E6", "0055AED6DCD90281E5", True),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", False),
        ("0055aed6dcd90281e6", "0055AED6DCD90281E5", True),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E5", False),
        ("0055AED7", "0055AED6DCD90281E5", True),
        ("0055AED6", "0055AED6DCD90281E5", False),
        (None, "0055AED6", False),
        ("0055AED6", None, False),
    ],
)
def test_sequencers_are_compared_from_the_left(
    one: str | None, other: str | None, later: bool
) -> None:
    assert is_later(one, other) is later


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"nonsense",
        b"[" * 500_000,
        b"null",
        b"7",
        b"{}",
        b'{"Records": 7}',
        b'{"Records": [{}]}',
        b'{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": "k"}}}]}',
        b'{"Type": "Notification", "Message": "nonsense"}',
        b'{"Type": "Notification", "Message": "{}"}',
        b'{"detail-type": "Object Created"}',
        b'{"attributes": {"eventType": "OBJECT_FINALIZE"}}',
        b'{"attributes": {"eventType": "OBJECT_FINALIZE", "bucketId": "b"}, "data": "%%%"}',
        json.dumps({"data": "%%%", "attributes": _FINALIZE}).encode(),
        b'[{"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": "https://a/c"}}]',
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        parse(body)


def test_a_key_that_is_not_unicode_is_refused() -> None:
    thing = {"key": "%ff", "size": 1, "eTag": "x"}
    with pytest.raises(UnreadableMessage):
        parse(_records(s3={"bucket": {"name": "b"}, "object": thing}))


def test_wrappings_in_wrappings_come_to_an_end() -> None:
    body = _S3_PUT
    for _ in range(2):
        body = _sns(body)
    assert parse(body) == [_PUT]
    with pytest.raises(UnreadableMessage):
        parse(_sns(body))


def test_greetings_are_told_from_news() -> None:
    (own,) = json.loads(_AZURE)
    question = own | {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "abc", "validationUrl": "https://evil.example/"},
    }
    assert greeting(json.dumps([question])) == Greeting(code="abc")
    for other in (_S3_PUT, _MINIO, _EVENT_BRIDGE, _AZURE, _sns(_S3_PUT), "nonsense", "[]", "7"):
        assert greeting(other) is None


def test_the_end_of_a_subscription_is_nothing() -> None:
    assert parse(_sns("You have chosen to deactivate", "UnsubscribeConfirmation")) == []
