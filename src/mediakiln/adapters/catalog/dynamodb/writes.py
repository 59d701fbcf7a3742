"""The conditional writes of an asset's item, as parameters of the SDK's requests.

Each asks for the item that stands in its way (`ALL_OLD`), as the leader of the partition saw it:
that settles a repetition after a lost answer without another read.
"""

from collections.abc import Sequence
from typing import Any

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.dynamodb import events, items
from mediakiln.adapters.catalog.dynamodb.items import number, string
from mediakiln.adapters.catalog.dynamodb.link import Item
from mediakiln.model.asset import Asset
from mediakiln.ports.catalog import Outgoing

Request = dict[str, Any]
_TELL = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def create(asset: Asset, outgoing: Sequence[Outgoing]) -> Request:
    """PutItem of a new record, if there is none of its id."""
    at = rules.micros(rules.now())
    entries = events.waiting(outgoing, asset.version, at)
    present = {name: value for name, value in items.changing(asset).items() if value is not None}
    item: Item = items.key(asset.id) | items.fixed(asset) | present | {"ev": {"M": entries}}
    if entries:
        item |= _boxed(asset.id, at)
    return {"Item": item, "ConditionExpression": "attribute_not_exists(pk)", **_TELL}


def update(asset: Asset, expected: int, outgoing: Sequence[Outgoing]) -> Request:
    """UpdateItem of a record, if its version is the expected one and it stays where it is."""
    at = rules.micros(rules.now())
    entries = events.waiting(outgoing, asset.version, at)
    values = {":expected": number(expected)}
    values |= {f":{name}": value for name, value in items.fixed(asset).items()}
    sets, removes = [], []
    for name, value in items.changing(asset).items():
        if value is None:
            removes.append(name)
        else:
            sets.append(f"{name} = :{name}")
            values[f":{name}"] = value
    for n, entry in enumerate(entries.values()):
        sets.append(f"ev.#{n}=if_not_exists(ev.#{n},:{n})")
        values[f":{n}"] = entry
    if entries:
        for name, value in _boxed(asset.id, at).items():
            sets.append(f"{name} = if_not_exists({name}, :{name})")
            values[f":{name}"] = value
    expression = "SET " + ", ".join(sets) + (" REMOVE " + ", ".join(removes) if removes else "")
    request = {
        "Key": items.key(asset.id),
        "UpdateExpression": expression,
        "ConditionExpression": "ver = :expected AND l0 = :l0 AND made = :made",
        "ExpressionAttributeValues": values,
        **_TELL,
    }
    return request | _names(list(entries))


def forget(id: str, messages: Sequence[str], kept: int) -> Request:
    """UpdateItem that removes events, if the item has them and `kept` others.

    With none kept the item leaves the outbox's index in the same write. The count makes that
    safe against other writers: whoever comes second is refused, and sees what is left.
    """
    paths = [f"ev.#{n}" for n in range(len(messages))]
    removes = paths if kept else [*paths, "box", "box_at"]
    exist = [f"attribute_exists({path})" for path in paths]
    return {
        "Key": items.key(id),
        "UpdateExpression": "REMOVE " + ", ".join(removes),
        "ConditionExpression": " AND ".join(["size(ev) = :count", *exist]),
        "ExpressionAttributeValues": {":count": number(len(messages) + kept)},
        **_TELL,
        **_names(messages),
    }


def _names(messages: Sequence[str]) -> Request:
    names = {f"#{n}": message for n, message in enumerate(messages)}
    return {"ExpressionAttributeNames": names} if names else {}


def _boxed(id: str, at: int) -> Item:
    return {"box": string(items.shard_of(id)), "box_at": string(items.stamp(at))}
