"""Pending events inside an asset's item.

`ev` is a map of message id to `{topic, key, project, body, delay, at, n}`: `at` is when it
was written, in microseconds, and `n` = version · 1000 + position orders an asset's events.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.dynamodb.items import findable, id_of, number, string
from mediakiln.adapters.catalog.dynamodb.link import Item
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.messages import Message
from mediakiln.ports.catalog import Outgoing, Pending

PER_VERSION = 1000
"""Positions kept free for the events of one version."""


def waiting(events: Sequence[Outgoing], version: int, at: int) -> dict[str, dict[str, Any]]:
    """The entries of one write's events, by message id.

    Raises:
        LimitExceeded: too many, or too much.
        InvalidRequest: two of one id, or text that is not UTF-8 without NUL.
    """
    rules.check_events(events)
    return {
        event.message.id: {"M": _entry(event, version * PER_VERSION + position, at)}
        for position, event in enumerate(events)
    }


def entries_of(item: Item) -> Item:
    """What waits in an item, by message id, in no order.

    DynamoDB Local's streams show an empty map as an attribute without a value.
    """
    entries: Item = item.get("ev", {}).get("M", {})
    return entries


def pending(item: Item) -> list[Pending]:
    """An item's events in the order of its writes."""
    id = id_of(item)
    ordered = sorted(entries_of(item).items(), key=lambda entry: int(entry[1]["M"]["n"]["N"]))
    return [_pending(id, message, entry["M"]) for message, entry in ordered]


def grouped(marks: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Marks by asset, each message once; what no item can hold is left out."""
    by_asset: dict[str, dict[str, None]] = {}
    for asset, message in marks:
        if findable(asset) and rules.storable(message) and message:
            by_asset.setdefault(asset, {})[message] = None
    return ((asset, list(messages)) for asset, messages in by_asset.items())


def _entry(event: Outgoing, n: int, at: int) -> dict[str, Any]:
    message = event.message
    texts = (message.id, message.key, message.project, event.topic)
    if not message.id or not all(map(rules.storable, texts)):
        raise InvalidRequest("a message's id, key, project and topic are UTF-8 without NUL")
    return {
        "topic": string(event.topic),
        "key": string(message.key),
        "project": string(message.project),
        "body": {"B": message.body},
        "delay": number(event.delay),
        "at": number(at),
        "n": number(n),
    }


def _pending(asset: str, message: str, entry: Item) -> Pending:
    return Pending(
        asset=asset,
        topic=entry["topic"]["S"],
        message=Message(
            id=message,
            key=entry["key"]["S"],
            project=entry["project"]["S"],
            body=entry["body"]["B"],
        ),
        delay=float(entry["delay"]["N"]),
        created_at=rules.moment(int(entry["at"]["N"])),
    )
