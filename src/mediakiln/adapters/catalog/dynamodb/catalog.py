"""A catalog in one DynamoDB table."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Self

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.cursor import seal, unseal
from mediakiln.adapters.catalog.dynamodb import events as waiting
from mediakiln.adapters.catalog.dynamodb import items, schema, writes
from mediakiln.adapters.catalog.dynamodb.address import Address
from mediakiln.adapters.catalog.dynamodb.errors import ConditionFailed
from mediakiln.adapters.catalog.dynamodb.link import Link
from mediakiln.adapters.catalog.dynamodb.records import DynamoRecords
from mediakiln.adapters.catalog.dynamodb.search import Search, walk
from mediakiln.model.asset import Asset
from mediakiln.model.errors import NotFound
from mediakiln.model.kind import AssetState, Kind
from mediakiln.ports.catalog import CatalogCapabilities, Outgoing, Page, Pending

_ASSET, _EVENTS = "pk, body", "pk, ev"
_MARKS = 100
"""Events marked by one request."""


class DynamoCatalog:
    """One table; shared, and durable in three availability zones. See `items` for its form.

    Options of the URL `dynamodb://REGION/TABLE`:

    - `endpoint`: the address of another server than AWS's, `http://…` or `https://…`;
    - `streams`: 1 to have `ensure` turn the table's stream on, for `StreamReader` (0);
    - `patience`: seconds for which a request is repeated while DynamoDB is away or busy (5);
    - `connections`: at most so many are open at once (50).

    Credentials come from the SDK's usual places. Cost, in write units of DynamoDB Local with a
    record of 1 to 4 kB: `create` 6, `update` 5, with a change of state 8, `sent` 3 per asset; an
    asset's create, nine updates and ten marks are 20 requests and 88 units, and no read. A read
    is one unit, `list`, `due` and `outbox` one query and one unit per asset. In one item record
    and waiting events share 400 KB: a write beyond that is `EngineUnavailable` until some were
    sent.
    """

    def __init__(self, address: Address) -> None:
        self._link = Link(address)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Build from `dynamodb://REGION/TABLE`; see the class for options.

        Raises:
            EngineMisconfigured: names the part that is wrong, and the remedy.
        """
        return cls(Address.parse(url))

    @property
    def capabilities(self) -> CatalogCapabilities:
        """Shared and durable."""
        return CatalogCapabilities(shared=True, durable=True, shards=items.SHARDS)

    async def ensure(self) -> None:
        """Make the table, its indexes and its expiry, or check what is there."""
        await schema.ensure(self._link)

    async def create(self, asset: Asset, events: Sequence[Outgoing] = ()) -> Asset:
        """See `ports.catalog.Catalog.create`."""
        written = asset.model_copy(update={"version": 1})
        try:
            await self._link.table("put_item", **writes.create(written, events))
        except ConditionFailed as refused:
            return rules.settle_create(items.asset_of(refused.item), asset)
        return written

    async def get(self, id: str) -> Asset | None:
        """See `ports.catalog.Catalog.get`."""
        if not items.findable(id):
            return None
        answer = await self._link.table(
            "get_item", Key=items.key(id), ConsistentRead=True, ProjectionExpression=_ASSET
        )
        item = answer.get("Item")
        return None if item is None else items.asset_of(item)

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Asset]:
        """See `ports.catalog.Catalog.get_many`."""
        keys = [items.key(id) for id in dict.fromkeys(ids) if items.findable(id)]
        found = await self._link.items(keys, _ASSET)
        return {items.id_of(item): items.asset_of(item) for item in found}

    async def update(
        self, asset: Asset, *, expected: int, events: Sequence[Outgoing] = ()
    ) -> Asset:
        """See `ports.catalog.Catalog.update`."""
        written = asset.model_copy(update={"version": expected + 1})
        try:
            await self._link.table("update_item", **writes.update(written, expected, events))
        except ConditionFailed as refused:
            if not refused.item:
                raise NotFound(f"there is no asset {asset.id}", asset=asset.id) from None
            return rules.settle_update(items.asset_of(refused.item), asset, expected)
        return written

    async def list(
        self,
        project: str,
        *,
        state: AssetState | None = None,
        kind: Kind | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """See `ports.catalog.Catalog.list`."""
        rules.check_limit(limit)
        scope = ("assets", project, state, kind)
        below = None
        if cursor is not None:
            micros, id = unseal(cursor, scope)
            below = f"{items.stamp(int(micros))}#{id}"
        if not rules.storable(project) or len(project.encode()) > items.MAX_PROJECT_BYTES:
            return Page([], None)
        attribute, partition = items.lists(project, state, kind)
        search = Search(schema.LISTS[attribute], partition, below=below, newest_first=True)
        found: list[Asset] = []
        async with aclosing(walk(self._link, search, _ASSET, limit=limit + 1)) as listed:
            async for item in listed:
                asset = items.asset_of(item)
                if state not in {None, asset.state} or kind not in {None, asset.kind}:
                    continue
                if len(found) == limit:
                    last = found[-1]
                    return Page(found, seal((rules.micros(last.created_at), last.id), scope))
                found.append(asset)
        return Page(found, None)

    async def due(self, before: datetime, *, shard: int = 0, limit: int = 100) -> Sequence[Asset]:
        """See `ports.catalog.Catalog.due`."""
        rules.check_limit(limit)
        search = Search("due", str(shard), below=items.stamp(rules.micros(before)))
        found: list[tuple[datetime, str, Asset]] = []
        async with aclosing(walk(self._link, search, _ASSET, limit=limit)) as listed:
            async for item in listed:
                asset = items.asset_of(item)
                if asset.due_at is not None and asset.due_at < before:
                    found.append((asset.due_at, asset.id, asset))
                if len(found) == limit:
                    break
        return [asset for _, _, asset in sorted(found, key=lambda each: each[:2])]

    async def outbox(
        self, *, before: datetime, shard: int = 0, limit: int = 100
    ) -> Sequence[Pending]:
        """See `ports.catalog.Catalog.outbox`."""
        rules.check_limit(limit)
        search = Search("outbox", str(shard), below=items.stamp(rules.micros(before)))
        found: list[Pending] = []
        async with aclosing(walk(self._link, search, _EVENTS, limit=limit)) as listed:
            async for item in listed:
                found += [event for event in waiting.pending(item) if event.created_at < before]
                if len(found) >= limit:
                    break
        return found[:limit]

    async def sent(self, events: Sequence[tuple[str, str]]) -> None:
        """See `ports.catalog.Catalog.sent`.

        One request per asset if these are all the events it has, as is common; else two.
        """
        await asyncio.gather(
            *(
                self._forget(id, messages[n : n + _MARKS])
                for id, messages in waiting.grouped(events)
                for n in range(0, len(messages), _MARKS)
            )
        )

    def records(self, space: str) -> DynamoRecords:
        """See `ports.catalog.Catalog.records`."""
        return DynamoRecords(self._link, space)

    async def close(self) -> None:
        """Refuse further calls, and close the connections."""
        await self._link.close()

    async def _forget(self, id: str, messages: Sequence[str]) -> None:
        """Remove events of one asset; a refusal shows which of them are there, beside how many."""
        kept = 0
        while messages:
            try:
                await self._link.table("update_item", **writes.forget(id, messages, kept))
            except ConditionFailed as refused:
                there = waiting.entries_of(refused.item)
                messages = [message for message in messages if message in there]
                kept = len(there) - len(messages)
            else:
                return
