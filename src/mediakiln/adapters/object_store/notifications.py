"""What object stores say when an object was created, in their several tongues, as one kind of fact.

Understood are, from their public descriptions:

- Amazon S3's event message, versions 2.x, by SQS, or wrapped by SNS; MinIO's by webhook or Kafka,
  which is the same with `EventName` and `Key` around it;
- EventBridge's `Object Created`;
- Google Cloud Storage's by Pub/Sub, pushed or pulled;
- Azure Event Grid's `Microsoft.Storage.BlobCreated`, in its own schema or as CloudEvents.

Stores notify at least once and in no order: whoever consumes these compares `sequencer` where
there is one, and otherwise looks at the object itself.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from mediakiln.model.errors import UnreadableMessage

_GCS_CREATED = "OBJECT_FINALIZE"
_AZURE_CREATED = "Microsoft.Storage.BlobCreated"
_AZURE_GREETING = "Microsoft.EventGrid.SubscriptionValidationEvent"
_WRAPPINGS = 3


@dataclass(frozen=True, slots=True)
class ObjectCreated:
    """An object was written.

    Attributes:
        bucket: its bucket's name at the provider; on Azure, `account/container`.
        key: its key, decoded.
        size: in bytes; None where the message does not say.
        etag: without quotes; empty where the message does not say.
        version: the version's id, or GCS's generation; None without versions.
        sequencer: of two events of one key, the later has the greater one, compared by
            `is_later`; None where the store knows no order.
        name: what the provider calls the event.
    """

    bucket: str
    key: str
    size: int | None
    etag: str
    version: str | None
    sequencer: str | None
    name: str


def parse(body: bytes | str) -> list[ObjectCreated]:
    """The objects that a message says were written: none for tests, deletions and other events.

    Raises:
        UnreadableMessage: it is of no form that is known.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableMessage("A notification is JSON, and this is not.") from error
    try:
        return list(_events(document, _WRAPPINGS))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UnreadableMessage(
            "The notification lacks what its form requires.", found=repr(error)
        ) from error


@dataclass(frozen=True, slots=True)
class Greeting:
    """Event Grid's question before it begins, answered by its `code`."""

    code: str


def greeting(body: bytes | str) -> Greeting | None:
    """The greeting that a message is; None for every other message.

    Source: https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict) or first.get("eventType") != _AZURE_GREETING:
        return None
    data = first.get("data")
    return Greeting(str(data.get("validationCode"))) if isinstance(data, dict) else None


def is_later(one: str | None, other: str | None) -> bool:
    """Whether an event's sequencer is greater than another's, of the same key.

    They are hexadecimal numbers of unequal length: the shorter is filled with zeroes on its right,
    as S3 prescribes. Without both, nothing is known, and the answer is no.
    """
    if one is None or other is None:
        return False
    length = max(len(one), len(other))
    return one.lower().ljust(length, "0") > other.lower().ljust(length, "0")


def _events(document: Any, depth: int) -> Iterator[ObjectCreated]:
    if isinstance(document, list):  # Event Grid delivers arrays
        for each in document:
            yield from _events(each, depth)
        return
    if not isinstance(document, dict) or depth == 0:
        raise UnreadableMessage("The notification is of no known form.")
    if document.get("Type") == "Notification":
        yield from _events(json.loads(document["Message"]), depth - 1)
        return
    for marks, read in _FORMS:
        if not marks.isdisjoint(document):
            yield from read(document)
            return
    is_greeting = document.get("Type") in {"SubscriptionConfirmation", "UnsubscribeConfirmation"}
    if not is_greeting and document.get("Event") != "s3:TestEvent":
        raise UnreadableMessage("The notification is of no known form.")


def _from_s3(message: Mapping[str, Any]) -> Iterator[ObjectCreated]:
    for record in message["Records"]:
        yield from _from_record(record)


def _from_record(record: Mapping[str, Any]) -> Iterator[ObjectCreated]:
    name = str(record["eventName"]).removeprefix("s3:")
    if not name.startswith("ObjectCreated:"):
        return
    thing = record["s3"]["object"]
    yield ObjectCreated(
        bucket=record["s3"]["bucket"]["name"],
        key=unquote_plus(thing["key"], errors="strict"),
        size=_number(thing.get("size")),
        etag=_bare(thing.get("eTag")),
        version=_version(thing.get("versionId")),
        sequencer=thing.get("sequencer"),
        name=name,
    )


def _from_event_bridge(event: Mapping[str, Any]) -> Iterator[ObjectCreated]:
    if event["detail-type"] != "Object Created":
        return
    detail = event["detail"]
    thing = detail["object"]
    yield ObjectCreated(
        bucket=detail["bucket"]["name"],
        key=thing["key"],  # not encoded, unlike S3's own messages
        size=_number(thing.get("size")),
        etag=_bare(thing.get("etag")),
        version=_version(thing.get("version-id")),
        sequencer=thing.get("sequencer"),
        name="Object Created",
    )


def _from_pubsub(message: Mapping[str, Any]) -> Iterator[ObjectCreated]:
    message = message.get("message", message)
    facts = message["attributes"]
    if facts["eventType"] != _GCS_CREATED:
        return
    thing = _payload(message.get("data"))
    generation = facts.get("objectGeneration") or thing.get("generation")
    yield ObjectCreated(
        bucket=facts["bucketId"],
        key=facts["objectId"],
        size=_number(thing.get("size")),
        etag=_bare(thing.get("etag")),
        version=generation,
        # Generations grow with time; of equal length, they compare as hexadecimal text does.
        sequencer=None if generation is None else f"{int(generation):020d}",
        name=_GCS_CREATED,
    )


def _payload(data: str | None) -> Mapping[str, Any]:
    """The object resource, which is left out when the subscription's payload format is NONE."""
    if not data:
        return {}
    try:
        found = json.loads(base64.b64decode(data, validate=True))
    except binascii.Error as error:
        raise ValueError("data is not base64") from error
    return found if isinstance(found, dict) else {}


def _from_event_grid(event: Mapping[str, Any]) -> Iterator[ObjectCreated]:
    name = event.get("eventType") or event.get("type")
    if name != _AZURE_CREATED:
        return
    thing = event["data"]
    address = urlsplit(thing["url"])
    container, _, key = address.path.lstrip("/").partition("/")
    if not key:
        raise ValueError("the address names no blob")
    yield ObjectCreated(
        bucket=f"{address.netloc.partition('.')[0]}/{container}",
        key=unquote(key, errors="strict"),
        size=_number(thing.get("contentLength")),
        etag=_bare(thing.get("eTag")),
        version=_version(thing.get("blobVersion")),
        sequencer=thing.get("sequencer"),
        name=str(name),
    )


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _bare(etag: str | None) -> str:
    return (etag or "").removeprefix("W/").strip('"')


def _version(value: str | None) -> str | None:
    return None if value in {None, "", "null"} else value


_FORMS: Sequence[tuple[frozenset[str], Callable[[Mapping[str, Any]], Iterator[ObjectCreated]]]] = (
    (frozenset({"Records"}), _from_s3),
    (frozenset({"detail-type"}), _from_event_bridge),
    (frozenset({"attributes", "message"}), _from_pubsub),
    (frozenset({"eventType", "specversion"}), _from_event_grid),
)
"""The forms, and the members by any of which each is known."""
