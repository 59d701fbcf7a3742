"""The form of an asset's item.

| attribute | holds |
|---|---|
| `pk`, `sk` | `A#{id}`, `A` |
| `body` | the record: its JSON, compressed by zlib |
| `ver` | the record's version |
| `ev` | its pending events: a map by message id, see `events` |
| `made` | `{created_at}#{id}`, the order of lists |
| `l0` to `l3` | project, with state, with kind, with both: the lists it is in |
| `due`, `due_at` | its shard and `{due_at}#{id}`, while it is due at some time |
| `box`, `box_at` | its shard and the time of its earliest event, while any waits |

Writes are paid by the kilobyte, so the body is compressed: 4.7 kB become 1.1 kB in 30 µs.
"""

import zlib
from typing import Any

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.dynamodb.link import Item
from mediakiln.model.asset import Asset
from mediakiln.model.errors import LimitExceeded
from mediakiln.model.kind import AssetState, Kind

SHARDS = 8
"""Of the outbox and of due times: one partition of an index takes 1,000 writes a second."""
MAX_ID_BYTES = 1000
MAX_PROJECT_BYTES = 2000
"""With what stands beside them they fit the keys of the indexes: 1,024 and 2,048 bytes."""

_EARLIEST = 10**17
"""Makes the microseconds of any year positive, so that they sort as text."""


def stamp(micros: int) -> str:
    """A time, given in microseconds since 1970, as text that sorts by time."""
    return f"{micros + _EARLIEST:018d}"


def string(text: str) -> dict[str, str]:
    """Text as an attribute."""
    return {"S": text}


def number(value: float) -> dict[str, str]:
    """A number as an attribute: text on the wire."""
    return {"N": str(value)}


def key(id: str) -> Item:
    """The primary key of an asset's item."""
    return {"pk": string(f"A#{id}"), "sk": string("A")}


def id_of(item: Item) -> str:
    """The inverse of `key`."""
    return str(item["pk"]["S"]).removeprefix("A#")


def is_asset(item: Item) -> bool:
    """Whether it is an asset's item, not a records space's."""
    return str(item["pk"]["S"]).startswith("A#")


def findable(id: str) -> bool:
    """Whether a record can have this id."""
    return rules.storable(id) and len(id.encode()) <= MAX_ID_BYTES


def lists(project: str, state: AssetState | None, kind: Kind | None) -> tuple[str, str]:
    """The partition attribute, which names its index too, and the partition of a filtered list."""
    filters = [value for value in (state, kind) if value is not None]
    attribute = f"l{(state is not None) + 2 * (kind is not None)}"
    return attribute, "#".join([*filters, "", project])


def fixed(asset: Asset) -> Item:
    """What never changes of an item."""
    return {
        "l0": string(lists(asset.project, None, None)[1]),
        "made": string(f"{stamp(rules.micros(asset.created_at))}#{asset.id}"),
    }


def changing(asset: Asset) -> dict[str, dict[str, Any] | None]:
    """What an update replaces; None where the attribute, and with it the index entry, goes.

    Raises:
        LimitExceeded: the record exceeds 64 KiB, or its id or project what an index can hold.
        InvalidRequest: it has no JSON form.
    """
    body = zlib.compress(rules.encode(asset).encode())
    _check_size("an asset's id", asset.id, MAX_ID_BYTES)
    _check_size("a project's name", asset.project, MAX_PROJECT_BYTES)
    attributes: dict[str, dict[str, Any] | None] = {
        "body": {"B": body},
        "ver": number(asset.version),
        "l2": None,
        "l3": None,
        "due": None,
        "due_at": None,
    }
    for state in (None, asset.state):
        for kind in {None, asset.kind}:
            attribute, partition = lists(asset.project, state, kind)
            attributes[attribute] = string(partition)
    del attributes["l0"]
    if asset.due_at is not None:
        attributes["due"] = string(shard_of(asset.id))
        attributes["due_at"] = string(f"{stamp(rules.micros(asset.due_at))}#{asset.id}")
    return attributes


def shard_of(id: str) -> str:
    """The shard of an asset, as the indexes have it."""
    return str(rules.shard_of(id, SHARDS))


def asset_of(item: Item) -> Asset:
    """The record that an item holds."""
    return rules.decode(zlib.decompress(item["body"]["B"]))


def _check_size(what: str, text: str, limit: int) -> None:
    size = len(text.encode())
    if size > limit:
        raise LimitExceeded(f"{what} of {size} bytes exceeds {limit}", limit=limit, value=size)
