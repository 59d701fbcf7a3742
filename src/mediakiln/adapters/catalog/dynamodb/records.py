"""Records spaces: `pk = R#{space}`, `sk = {key}`, with compare-and-set by `ver`.

Each write leaves a token of its own, `by`: a write whose answer was lost is repeated, is refused
by its own first try, and knows itself by the token.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Never

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.dynamodb.errors import ConditionFailed
from mediakiln.adapters.catalog.dynamodb.items import number, string
from mediakiln.adapters.catalog.dynamodb.link import Item, Link
from mediakiln.adapters.catalog.dynamodb.schema import EXPIRY
from mediakiln.adapters.catalog.scan import Scan, conflict
from mediakiln.model.errors import InvalidRequest
from mediakiln.model.ids import new_id
from mediakiln.ports.catalog import Record

MAX_SPACE_BYTES = 2000
_SECOND = 1_000_000
_TELL = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


class DynamoRecords:
    """One space of a `DynamoCatalog`: one partition, which takes 1,000 writes a second.

    A new key's version is the time in microseconds, so that a key deleted and made anew never
    comes back to a version that an old writer still holds.
    """

    def __init__(self, link: Link, space: str) -> None:
        if not rules.storable(space) or len(space.encode()) > MAX_SPACE_BYTES:
            raise InvalidRequest(f"a space's name is up to {MAX_SPACE_BYTES} bytes without NUL")
        self._link = link
        self._space = space
        self._partition = string(f"R#{space}")

    async def get(self, key: str) -> Record | None:
        """See `ports.catalog.Records.get`."""
        if not _findable(key):
            return None
        answer = await self._link.table("get_item", Key=self._key(key), ConsistentRead=True)
        item = answer.get("Item", {})
        return _record(item) if _is_live(item) else None

    async def put(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        expected: int | None = None,
        expires_at: datetime | None = None,
    ) -> int:
        """See `ports.catalog.Records.put`."""
        rules.check_key(key)
        now = rules.micros(rules.now())
        version = now if expected is None else expected + 1
        item = self._key(key) | _content(value, version, expires_at)
        try:
            await self._link.table("put_item", Item=item, **_TELL, **_unless_newer(expected, now))
        except ConditionFailed as refused:
            if refused.item.get("by") != item["by"]:
                self._conflict(key, expected, refused.item)
        return version

    async def delete(self, key: str, *, expected: int | None = None) -> None:
        """See `ports.catalog.Records.delete`."""
        if not _findable(key):
            return
        condition: dict[str, Any] = {}
        if expected is not None:
            values = {":expected": number(expected)}
            condition = {
                "ConditionExpression": "ver = :expected",
                "ExpressionAttributeValues": values,
            }
            condition |= _TELL
        try:
            await self._link.table("delete_item", Key=self._key(key), **condition)
        except ConditionFailed as refused:
            if _is_live(refused.item):
                self._conflict(key, expected, refused.item)

    async def list(
        self,
        prefix: str = "",
        *,
        limit: int = 100,
        cursor: str | None = None,
        start_after: str = "",
    ) -> tuple[Sequence[Record], str | None]:
        """See `ports.catalog.Records.list`."""
        scan = Scan.of(self._space, prefix, limit=limit, cursor=cursor, start_after=start_after)
        if scan is None:
            return [], None
        start = self._key(scan.after) if scan.after else None
        found: list[Record] = []
        if prefix and not _findable(prefix):
            return found, None
        while len(found) < scan.wanted:
            answer = await self._link.table("query", **self._query(prefix, scan.wanted, start))
            found += [_record(item) for item in answer["Items"] if _is_live(item)]
            start = answer.get("LastEvaluatedKey")
            if start is None:
                break
        return scan.page(found)

    def _query(self, prefix: str, limit: int, start: Item | None) -> dict[str, Any]:
        condition, values = "pk = :space", {":space": self._partition}
        if prefix:
            condition += " AND begins_with(sk, :prefix)"
            values[":prefix"] = string(prefix)
        request: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "Limit": limit,
        }
        return request if start is None else request | {"ExclusiveStartKey": start}

    def _key(self, key: str) -> Item:
        return {"pk": self._partition, "sk": string(key)}

    def _conflict(self, key: str, expected: int | None, item: Item) -> Never:
        version = int(item["ver"]["N"]) if _is_live(item) else None
        raise conflict(self._space, key, version, expected)


def _findable(key: str) -> bool:
    return bool(key) and rules.storable(key) and len(key.encode()) <= rules.MAX_KEY_BYTES


def _content(value: Mapping[str, Any], version: int, expires_at: datetime | None) -> Item:
    """The attributes of an entry beside its key; `expires` rounds `expires_at` up to a second."""
    item: Item = {
        "body": {"B": zlib.compress(rules.encode_value(value).encode())},
        "ver": number(version),
        "by": string(new_id()),
    }
    if expires_at is not None:
        end = rules.micros(expires_at)
        item |= {"expires_at": number(end), EXPIRY: number(max(0, -(-end // _SECOND)))}
    return item


def _unless_newer(expected: int | None, now: int) -> dict[str, Any]:
    """The condition of a write: what has expired is as good as absent."""
    values = {":now": number(now)}
    if expected is None:
        condition = "attribute_not_exists(pk) OR expires_at <= :now"
    else:
        condition = "ver = :expected AND (attribute_not_exists(expires_at) OR expires_at > :now)"
        values[":expected"] = number(expected)
    return {"ConditionExpression": condition, "ExpressionAttributeValues": values}


def _is_live(item: Item) -> bool:
    if not item:
        return False
    end = item.get("expires_at")
    return end is None or int(end["N"]) > rules.micros(rules.now())


def _record(item: Item) -> Record:
    end = item.get("expires_at")
    return Record(
        key=item["sk"]["S"],
        value=json.loads(zlib.decompress(item["body"]["B"])),
        version=int(item["ver"]["N"]),
        expires_at=None if end is None else rules.moment(int(end["N"])),
    )
