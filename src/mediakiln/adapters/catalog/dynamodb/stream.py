"""DynamoDB Streams as an alternative to sweeping the outbox."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Self

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.dynamodb.address import SETTING, Address
from mediakiln.adapters.catalog.dynamodb.held import Held
from mediakiln.adapters.catalog.dynamodb.items import is_asset
from mediakiln.adapters.catalog.dynamodb.link import Link
from mediakiln.adapters.catalog.dynamodb.shards import Shard, Shards
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.ports.catalog import Pending, Records

_REFRESH_ROUNDS = 10
_BUSY_PAUSE_S = 0.2
"""Between pages while there are more: DynamoDB throttles a shard's readers."""


class StreamReader:
    """Hands out events that wait in a table, as its stream tells of them.

    An event comes `grace_s` after its write, unless a later image of its asset shows that its
    writer sent it. `places` is where the reader keeps how far it is, a records space such as
    `catalog.records("stream")`; one reader at a time uses one. The table's URL has `streams=1`.
    """

    def __init__(
        self, address: Address, places: Records, *, grace_s: float = 2.0, poll_s: float = 1.0
    ) -> None:
        self._table = Link(address)
        self._stream = Link(address, "dynamodbstreams")
        self._places = places
        self._grace = timedelta(seconds=grace_s)
        self._poll_s = poll_s
        self._held = Held()
        self._shards: Shards | None = None
        self._rounds = 0

    @classmethod
    def from_url(
        cls, url: str, places: Records, *, grace_s: float = 2.0, poll_s: float = 1.0
    ) -> Self:
        """Build from the catalog's URL.

        Raises:
            EngineMisconfigured: the URL will not do.
        """
        return cls(Address.parse(url), places, grace_s=grace_s, poll_s=poll_s)

    async def batches(self) -> AsyncGenerator[Sequence[Pending], None]:
        """Events in order per asset, for ever; each batch is done when the next is asked for.

        Publish a batch and mark it with the catalog's `sent`. A batch that was not done comes
        again, from this reader or from the next, so events come at least once.

        Raises:
            EngineUnavailable: away or throttled; asking again goes on from there.
            EngineMisconfigured: the table has no stream.
            VersionConflict: another reader uses the same places.
        """
        while True:
            shards = await self._open()
            some = await self._round(shards)
            batch = self._held.ripe(self._watermark(shards) - self._grace)
            if batch:
                yield batch
                self._held.done(batch)
            for shard in shards.unclosed:
                await self._keep(shards, shard)
            await asyncio.sleep(_BUSY_PAUSE_S if some else self._poll_s)

    async def close(self) -> None:
        """Close the connections; the places belong to their catalog."""
        await self._table.close()
        await self._stream.close()

    async def _open(self) -> Shards:
        if self._shards is None:
            answer = await self._table.table("describe_table")
            arn = answer["Table"].get("LatestStreamArn")
            if not answer["Table"].get("StreamSpecification", {}).get("StreamEnabled"):
                raise EngineMisconfigured(
                    f"{SETTING}: {self._table.address} has no stream",
                    hint="add streams=1 to the URL, and run `mediakiln init`",
                )
            self._shards = Shards(self._stream, arn, self._places)
        return self._shards

    async def _round(self, shards: Shards) -> bool:
        """Take in a page of each shard; whether there was anything."""
        if self._rounds % _REFRESH_ROUNDS == 0:
            await shards.refresh()
        self._rounds += 1
        active = shards.current
        pages = [self._read(shards, shard) for shard in active]
        found = await asyncio.gather(*pages, return_exceptions=True)
        for outcome in found:
            if isinstance(outcome, BaseException):
                raise outcome
        if any(shard.ended for shard in active):
            await shards.refresh()
        return any(found)

    async def _read(self, shards: Shards, shard: Shard) -> bool:
        """Take in a page of a shard; whether there was anything."""
        records = await shards.page(shard)
        for record in records:
            change = record["dynamodb"]
            # Entries of spaces, the reader's own places among them, move no place.
            if is_asset(change["Keys"]) and "NewImage" in change:
                self._held.see(shard.id, change["SequenceNumber"], change["NewImage"])
        return bool(records)

    async def _keep(self, shards: Shards, shard: Shard) -> None:
        sequence, everything = self._held.settled(shard.id)
        ended = shard.ended and everything
        if sequence is not None or ended:
            await shards.keep(shard, sequence or shard.read, ended=ended)

    def _watermark(self, shards: Shards) -> datetime:
        """Until when all has been read: an image that is not yet read may show what was sent."""
        return min((shard.until for shard in shards.current), default=rules.now())
