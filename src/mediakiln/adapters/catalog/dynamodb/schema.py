"""The table and its indexes: made where they are missing, checked where they are there."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from mediakiln.adapters.catalog.dynamodb.address import SETTING
from mediakiln.adapters.catalog.dynamodb.errors import code_of
from mediakiln.adapters.catalog.dynamodb.link import Link
from mediakiln.model.errors import EngineError, EngineMisconfigured, EngineUnavailable

INDEXES: Mapping[str, tuple[str, str]] = {
    "outbox": ("box", "box_at"),
    "due": ("due", "due_at"),
    "by-project": ("l0", "made"),
    "by-state": ("l1", "made"),
    "by-kind": ("l2", "made"),
    "by-state-and-kind": ("l3", "made"),
}
"""Partition and sort attribute of each. They are sparse: an item without the attributes is not
in them; and hold keys only, since items are read from the table anyway."""
LISTS = {attributes[0]: name for name, attributes in INDEXES.items() if attributes[1] == "made"}
"""The index of each list's partition attribute."""
EXPIRY = "expires"
"""The attribute by which DynamoDB deletes expired entries of records spaces, in seconds."""

_WAIT_S = 180.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_MISSING, _IN_USE = "ResourceNotFoundException", "ResourceInUseException"
_IMAGES = {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}
_STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}

Table = Mapping[str, Any]
"""What DescribeTable says."""


async def ensure(link: Link) -> None:
    """Make the table unless it is there, wait until it can be used, check that it is ours.

    Raises:
        EngineMisconfigured: it is another table, or something needed is not permitted.
        EngineUnavailable: it is not active within three minutes.
    """
    table = await _describe(link)
    if table is None:
        await _create(link)
    else:
        _check(link, table)
    table = await _active(link)
    _check(link, table)
    if link.address.streams:
        await _stream(link, table)
    await _expire(link)


async def _describe(link: Link) -> Table | None:
    try:
        answer = await link.table("describe_table")
    except EngineMisconfigured as error:
        if code_of(error) == _MISSING:
            return None
        raise
    table: Table = answer["Table"]
    return table


async def _create(link: Link) -> None:
    attributes = sorted({"pk", "sk"}.union(*INDEXES.values()))
    wanted: dict[str, Any] = {
        "AttributeDefinitions": [_typed(name) for name in attributes],
        "KeySchema": _keys("pk", "sk"),
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [
            {
                "IndexName": name,
                "KeySchema": _keys(*attributes),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for name, attributes in INDEXES.items()
        ],
    }
    if link.address.streams:
        wanted["StreamSpecification"] = _STREAM
    try:
        await link.table("create_table", **wanted)
    except EngineError as error:
        if code_of(error) != _IN_USE:  # somebody else makes it just now
            raise


async def _active(link: Link) -> Table:
    """The table, once it and its indexes can be used."""
    end, pause = time.monotonic() + _WAIT_S, _FIRST_PAUSE_S
    while True:
        table = await _describe(link)
        if table is not None and _is_ready(table):
            return table
        if time.monotonic() > end:
            raise EngineUnavailable(f"{link.address} is not active after {_WAIT_S:g} s")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)


def _is_ready(table: Table) -> bool:
    made = all(index["IndexStatus"] != "CREATING" for index in _indexes(table).values())
    return made and table["TableStatus"] in {"ACTIVE", "UPDATING"}


def _indexes(table: Table) -> Mapping[str, Table]:
    """Those that are there, or will be."""
    listed = table.get("GlobalSecondaryIndexes", [])
    return {each["IndexName"]: each for each in listed if each["IndexStatus"] != "DELETING"}


def _check(link: Link, table: Table) -> None:
    """That the table has our keys and indexes."""
    there = _indexes(table)
    wanted = {name: _keys(*attributes) for name, attributes in INDEXES.items()}
    wrong = [name for name, keys in wanted.items() if _shape(there.get(name)) != _sorted(keys)]
    if _shape(table) != _sorted(_keys("pk", "sk")):
        wrong.insert(0, "the table's own keys")
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    if any(type != "S" for type in types.values()):
        wrong.append("attributes that are no strings")
    if wrong:
        raise EngineMisconfigured(
            f"{SETTING}: {link.address} is there, but not as mediakiln needs it: "
            f"missing or different: {', '.join(wrong)}",
            hint="name another table, which `mediakiln init` then makes, or add the indexes",
        )


async def _stream(link: Link, table: Table) -> None:
    """Turn the stream on, unless it is."""
    found = table.get("StreamSpecification", {})
    if not found.get("StreamEnabled"):
        try:
            await link.table("update_table", StreamSpecification=_STREAM)
        except EngineError as error:
            if code_of(error) not in {_IN_USE, "ValidationException"}:
                raise
        found = (await _active(link)).get("StreamSpecification", {})
    if found.get("StreamViewType") not in _IMAGES:
        raise EngineMisconfigured(
            f"{SETTING}: the stream of {link.address} holds {found.get('StreamViewType')}",
            hint="it must hold NEW_IMAGE: turn the stream off, and run `mediakiln init` again",
        )


async def _expire(link: Link) -> None:
    """Have DynamoDB delete what expired, unless it does."""
    if await _expiry(link) is None:
        wanted = {"Enabled": True, "AttributeName": EXPIRY}
        try:
            await link.table("update_time_to_live", TimeToLiveSpecification=wanted)
        except EngineError as error:
            if await _expiry(link) is None:  # else somebody else was faster
                raise error from error.__cause__
    found = await _expiry(link)
    if found not in {None, EXPIRY}:
        raise EngineMisconfigured(
            f"{SETTING}: entries of {link.address} expire by {found!r}, not by {EXPIRY!r}",
            hint="name another table, which `mediakiln init` then makes",
        )


async def _expiry(link: Link) -> str | None:
    answer = await link.table("describe_time_to_live")
    found = answer["TimeToLiveDescription"]
    return found.get("AttributeName") if found["TimeToLiveStatus"].startswith("ENABL") else None


def _typed(name: str) -> dict[str, str]:
    return {"AttributeName": name, "AttributeType": "S"}


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def _shape(part: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return _sorted([] if part is None else part["KeySchema"])


def _sorted(keys: list[dict[str, str]]) -> list[tuple[str, str]]:
    return sorted((key["KeyType"], key["AttributeName"]) for key in keys)
