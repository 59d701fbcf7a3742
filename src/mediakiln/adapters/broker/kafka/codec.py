"""A message as a Kafka record, and back.

Structured mode of the Kafka protocol binding for CloudEvents 1.0: the value is the event as JSON,
and the header `content-type` says so. Other bytes travel as they are. What the platform knows
beside the body goes into headers of its own, so that a body nobody can read keeps its id.
"""

import json
import math
from dataclasses import dataclass
from typing import cast

from confluent_kafka import Message as Record

from mediakiln.model.messages import Message

CLOUDEVENT = b"application/cloudevents+json; charset=UTF-8"
_BYTES = b"application/octet-stream"
_EVENT_START = b'{"specversion":'
_ID, _PROJECT, _ATTEMPT, _DUE = (
    f"mediakiln-{name}" for name in ("id", "project", "attempt", "due")
)
Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True, slots=True)
class Read:
    """A record taken apart."""

    message: Message
    attempt: int
    """1 unless it was retried."""
    due: float
    """Not before this time, in seconds since 1970."""


def headers(message: Message, *, attempt: int = 1, due: float = 0.0) -> Headers:
    """What goes beside the body."""
    kind = CLOUDEVENT if message.body.startswith(_EVENT_START) else _BYTES
    made: Headers = [
        ("content-type", kind),
        (_ID, _encoded(message.id)),
        (_PROJECT, _encoded(message.project)),
    ]
    if attempt > 1:
        made.append((_ATTEMPT, b"%d" % attempt))
    if due:
        made.append((_DUE, repr(due).encode()))
    return made


def key(message: Message) -> bytes:
    """The record's key: one asset's messages share a partition."""
    return _encoded(message.key)


def read(record: Record) -> Read:
    """Take a record apart; one that others wrote is given what it lacks."""
    pairs = cast("Headers", record.headers() or [])
    found = {name: data for name, data in pairs if isinstance(data, bytes)}
    body = _bytes(record.value())
    if _ID in found:
        id, project = _decoded(found[_ID]), _decoded(found.get(_PROJECT, b"default"))
    else:
        id, project = _from_event(body)
        id = id or f"{record.topic()}-{record.partition()}-{record.offset()}"
    message = Message(id=id, key=_decoded(_bytes(record.key())), project=project, body=body)
    return Read(message, int(_number(found, _ATTEMPT, 1)), _number(found, _DUE, 0.0))


def _from_event(body: bytes) -> tuple[str, str]:
    """Id and project of an event that another program published."""
    try:
        event = json.loads(body)
        return str(event.get("id", "")), str(event.get("project", "default"))
    except (ValueError, AttributeError, RecursionError):
        return "", "default"


def _number(found: dict[str, bytes], name: str, default: float) -> float:
    try:
        number = float(found[name])
    except (ValueError, KeyError):
        return default
    return number if math.isfinite(number) else default


def _bytes(data: str | bytes | None) -> bytes:
    return _encoded(data) if isinstance(data, str) else data or b""


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "backslashreplace")
