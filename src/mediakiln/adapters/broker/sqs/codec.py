"""Messages as SQS carries them: text with attributes.

The body is the structured CloudEvent itself, so that any subscriber can read it. What is not text
that SQS takes travels in base64, marked by the attribute `encoding`. `id`, `key` and `project` are
attributes too, percent-encoded; an empty one is left out, since SQS takes no empty values.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from mediakiln.model.messages import Message

# A carriage return is allowed, yet XML on the way (SNS) turns it into a line feed.
_NOT_TEXT = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BASE64, _EMPTY = "base64", "empty"
_LONGEST_GROUP_ID = 128


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message ready to be sent."""

    body: str
    attributes: Mapping[str, Any]
    share: str
    """The project, as a message group's id."""
    size: int
    """Bytes as SNS and SQS count them against the limit of a batch."""


def pack(message: Message) -> Parcel:
    """A message as text and attributes."""
    encoding, body = _encoded(message.body)
    values = {
        "id": quote(message.id),
        "key": quote(message.key),
        "project": quote(message.project),
        "encoding": encoding,
    }
    attributes = {
        name: {"DataType": "String", "StringValue": value}
        for name, value in values.items()
        if value
    }
    size = len(body.encode())
    size += sum(len(name) + len("String") + len(values[name]) for name in attributes)
    return Parcel(body, attributes, _share(values["project"]), size)


def unpack(raw: Mapping[str, Any]) -> Message:
    """What was received, as a message; one that others sent is known by SQS's own id."""
    attributes = raw.get("MessageAttributes", {})
    values = {name: value.get("StringValue", "") for name, value in attributes.items()}
    return Message(
        id=unquote(values.get("id", raw["MessageId"])),
        key=unquote(values.get("key", "")),
        project=unquote(values.get("project", "default")),
        body=_decoded(values.get("encoding"), raw["Body"]),
    )


def _encoded(body: bytes) -> tuple[str, str]:
    if not body:
        return _EMPTY, "-"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if _NOT_TEXT.search(text):
        return _BASE64, base64.b64encode(body).decode()
    return "", text


def _decoded(encoding: str | None, body: str) -> bytes:
    if encoding == _EMPTY:
        return b""
    if encoding == _BASE64:
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error:
            return body.encode()  # somebody else's: kept as it came
    return body.encode()


def _share(project: str) -> str:
    if 0 < len(project) <= _LONGEST_GROUP_ID:
        return project
    return hashlib.sha256(project.encode()).hexdigest()
