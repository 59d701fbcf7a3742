"""What a stream has shown to be waiting, until a later image shows that it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mediakiln.adapters.catalog.dynamodb.events import pending
from mediakiln.adapters.catalog.dynamodb.items import id_of
from mediakiln.adapters.catalog.dynamodb.link import Item
from mediakiln.ports.catalog import Pending

Name = tuple[str, str]
"""Asset and message."""


@dataclass(slots=True)
class _Seen:
    event: Pending
    shard: str
    sequence: str
    handed_out: bool = False


class Held:
    """Events by asset, and how far each shard is settled.

    A record of the stream is settled when every event that it was first to show has been handed
    out and dealt with, or is missing from a later image of its asset: its writer sent it.
    """

    def __init__(self) -> None:
        self._assets: dict[str, dict[str, _Seen]] = {}
        self._open: dict[str, dict[str, set[Name]]] = {}

    def see(self, shard: str, sequence: str, image: Item) -> None:
        """Take in a record of the stream: an asset's new image."""
        unsettled = self._open.setdefault(shard, {}).setdefault(sequence, set())
        asset, shown = id_of(image), pending(image)
        known = self._assets.setdefault(asset, {})
        for message in known.keys() - {event.message.id for event in shown}:
            self._settle(known.pop(message))
        for event in shown:
            if event.message.id not in known:
                known[event.message.id] = _Seen(event, shard, sequence)
                unsettled.add((asset, event.message.id))
        if not known:
            del self._assets[asset]

    def ripe(self, until: datetime) -> list[Pending]:
        """Events from before `until` that were not handed out, in order per asset."""
        return [
            seen.event
            for known in self._assets.values()
            for seen in known.values()
            if not seen.handed_out and seen.event.created_at < until
        ]

    def done(self, batch: Sequence[Pending]) -> None:
        """These were dealt with, and are not handed out again."""
        for event in batch:
            seen = self._assets.get(event.asset, {}).get(event.message.id)
            if seen is not None:
                seen.handed_out = True
                self._settle(seen)

    def settled(self, shard: str) -> tuple[str | None, bool]:
        """The last record up to which the shard is settled since asked before; whether all is."""
        records, last = self._open.get(shard, {}), None
        while records:
            sequence = next(iter(records))
            if records[sequence]:
                break
            del records[sequence]
            last = sequence
        return last, not records

    def _settle(self, seen: _Seen) -> None:
        records = self._open.get(seen.shard, {})
        name = (seen.event.asset, seen.event.message.id)
        records.get(seen.sequence, set()).discard(name)
