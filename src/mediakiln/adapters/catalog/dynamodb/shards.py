"""The shards of a table's stream: parents before children, from where a reader was last.

Protocol: "Change data capture for DynamoDB Streams" of the DynamoDB developer guide.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mediakiln.adapters.catalog import rules
from mediakiln.adapters.catalog.dynamodb.errors import code_of
from mediakiln.adapters.catalog.dynamodb.link import Link
from mediakiln.model.errors import EngineError
from mediakiln.ports.catalog import Records

_KEPT = timedelta(days=2)
"""Stream records live for one day, so no reader comes back to an older place."""
_EXPIRED, _TRIMMED = "ExpiredIteratorException", "TrimmedDataAccessException"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Shard:
    """One shard, and where its reader is."""

    id: str
    parent: str | None
    version: int | None = None
    """Of the entry that keeps the place."""
    read: str | None = None
    """The sequence number of the last record read; None before the first."""
    until: datetime = field(default=_LONG_AGO)
    """All changes before this time have been read."""
    iterator: str | None = None
    ended: bool = False
    """It was read to its end, and will hold no more."""
    closed: bool = False
    """It ended, and that is written down."""


class Shards:
    """The shards that can be read now, of one stream."""

    def __init__(self, link: Link, arn: str, places: Records) -> None:
        self._link = link
        self._arn = arn
        self._places = places
        self._known: dict[str, Shard] = {}

    @property
    def unclosed(self) -> list[Shard]:
        """Shards of which there is more to write down."""
        return [shard for shard in self._known.values() if not shard.closed]

    @property
    def current(self) -> list[Shard]:
        """Shards not read to their end, whose parent is."""
        return [
            shard
            for shard in self._known.values()
            if not shard.ended and (shard.parent not in self._known or self._parent(shard).ended)
        ]

    async def refresh(self) -> None:
        """Learn of shards that were opened, forget those that the stream has forgotten."""
        listed: dict[str, str | None] = {}
        request: dict[str, Any] = {"StreamArn": self._arn}
        while True:
            answer = await self._link.call("describe_stream", **request)
            found = answer["StreamDescription"]
            listed |= {each["ShardId"]: each.get("ParentShardId") for each in found["Shards"]}
            if "LastEvaluatedShardId" not in found:
                break
            request["ExclusiveStartShardId"] = found["LastEvaluatedShardId"]
        for id, parent in listed.items():
            if id not in self._known:
                self._known[id] = await self._load(id, parent)
        self._known = {id: shard for id, shard in self._known.items() if id in listed}

    async def page(self, shard: Shard) -> list[dict[str, Any]]:
        """The shard's next records; none when there are none yet, or no more."""
        try:
            if shard.iterator is None:
                shard.iterator = await self._iterator(shard)
            now = rules.now()
            answer = await self._link.call("get_records", ShardIterator=shard.iterator)
        except EngineError as error:
            if code_of(error) not in {_EXPIRED, _TRIMMED}:
                raise
            shard.iterator = None
            shard.read = shard.read if code_of(error) == _EXPIRED else None
            return []
        shard.iterator = answer.get("NextShardIterator")
        shard.ended = shard.iterator is None
        records: list[dict[str, Any]] = answer["Records"]
        if records:
            shard.read = records[-1]["dynamodb"]["SequenceNumber"]
            shard.until = records[-1]["dynamodb"]["ApproximateCreationDateTime"]
        else:
            shard.until = now
        return records

    async def keep(self, shard: Shard, sequence: str | None, *, ended: bool) -> None:
        """Write down how far a shard is settled.

        Raises:
            VersionConflict: somebody else reads this stream with the same places.
        """
        shard.version = await self._places.put(
            self._key(shard.id),
            {"sequence": sequence, "ended": ended},
            expected=shard.version,
            expires_at=rules.now() + _KEPT,
        )
        shard.closed = ended

    def _parent(self, shard: Shard) -> Shard:
        assert shard.parent is not None  # noqa: S101 - asked of known parents only
        return self._known[shard.parent]

    async def _load(self, id: str, parent: str | None) -> Shard:
        place = await self._places.get(self._key(id))
        if place is None:
            return Shard(id, parent)
        sequence, ended = place.value["sequence"], place.value["ended"]
        return Shard(id, parent, version=place.version, read=sequence, ended=ended, closed=ended)

    async def _iterator(self, shard: Shard) -> str:
        start: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if shard.read is not None:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": shard.read}
        answer = await self._link.call(
            "get_shard_iterator", StreamArn=self._arn, ShardId=shard.id, **start
        )
        return str(answer["ShardIterator"])

    def _key(self, shard: str) -> str:
        return f"{self._arn}/{shard}"
