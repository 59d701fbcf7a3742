"""Queries over the table's indexes, which may lag: what they name is read from the table."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from mediakiln.adapters.catalog.dynamodb.items import string
from mediakiln.adapters.catalog.dynamodb.link import BATCH, Item, Link
from mediakiln.adapters.catalog.dynamodb.schema import INDEXES


@dataclass(frozen=True, slots=True)
class Search:
    """One partition of an index, up to a place in its order, forwards or backwards."""

    index: str
    partition: str
    below: str | None = None
    newest_first: bool = False

    def request(self, limit: int, start: Item | None) -> dict[str, Any]:
        """The parameters of a Query for its next entries."""
        partition, sort = INDEXES[self.index]
        condition, values = f"{partition} = :partition", {":partition": string(self.partition)}
        if self.below is not None:
            condition += f" AND {sort} < :below"
            values[":below"] = string(self.below)
        request: dict[str, Any] = {
            "IndexName": self.index,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not self.newest_first,
            "Limit": min(limit, BATCH),
        }
        return request if start is None else request | {"ExclusiveStartKey": start}


async def walk(link: Link, search: Search, attributes: str, *, limit: int) -> AsyncGenerator[Item]:
    """The items behind an index's entries in its order, each once, as they are now.

    `limit` is about how many the caller wants; `attributes` a projection with `pk`.
    """
    seen: set[str] = set()
    start: Item | None = None
    while True:
        answer = await link.table("query", **search.request(limit, start))
        fresh = {item["pk"]["S"]: item for item in answer["Items"] if item["pk"]["S"] not in seen}
        seen |= fresh.keys()
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in fresh.values()]
        found = {item["pk"]["S"]: item for item in await link.items(keys, attributes)}
        for name in fresh:
            if name in found:
                yield found[name]
        start = answer.get("LastEvaluatedKey")
        if start is None:
            return
