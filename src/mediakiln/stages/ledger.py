"""The one way records change: a conditional write with its events, then the events' publication.

Events are kept with the record until they are published, so a crash between the two loses
nothing: the relay sends what its writer did not.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from mediakiln.model.asset import Asset
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import LimitExceeded, MediakilnError, NotFound, VersionConflict
from mediakiln.model.ids import new_id
from mediakiln.model.messages import Changed, Event, Job
from mediakiln.model.transitions import slim
from mediakiln.ports.broker import Broker
from mediakiln.ports.catalog import Catalog, Outgoing

log = logging.getLogger(__name__)

STALL_AFTER = timedelta(minutes=5)

_CONFLICT_TRIES = 32
_CONFLICT_PAUSE_S = 0.005


@dataclass(frozen=True, slots=True)
class Change:
    """A record's next form and the events that go with it.

    `quiet` changes are not announced on `changes`.
    """

    asset: Asset
    events: Sequence[Event] = ()
    quiet: bool = False


class Ledger:
    """Writes records and sends their events.

    `stall_after` is how long a record may stand in a state before `reconcile` looks at it.
    `announce` says whether anybody reads `changes`: without, nothing is written to it. Events of
    the topics in `captured` are written and marked, and left to change data capture to publish.
    """

    def __init__(
        self,
        catalog: Catalog,
        broker: Broker,
        *,
        stall_after: timedelta = STALL_AFTER,
        announce: bool = False,
        captured: Collection[str] = (),
        clock: Clock = utc_now,
    ) -> None:
        self.catalog = catalog
        self.stall_after = stall_after
        self.clock = clock
        self._announce = announce
        self._captured = frozenset(captured)
        self._broker = broker
        self._background: set[asyncio.Task[None]] = set()

    async def create(self, asset: Asset, events: Sequence[Event]) -> Asset:
        """Write a new record with its events, then publish them."""
        named = asset.model_copy(update={"mutation_id": new_id()})
        outgoing = self._outgoing(named, events, version=1)
        written = await self.catalog.create(named, outgoing)
        await self._send(written.id, outgoing)
        return written

    async def change(
        self, id: str, apply: Callable[[Asset], Change | None], *, known: Asset | None = None
    ) -> Asset:
        """Apply a change to the latest form of a record, again whenever somebody was faster.

        `apply` returns None to leave the record alone, and may raise. `known` saves the first
        read; a stale one costs a conflict, never a lost update.

        Raises:
            NotFound: there is no such record.
            VersionConflict: the record is written to without pause.
        """
        asset = known or await self._read(id)
        for attempt in range(_CONFLICT_TRIES):
            change = apply(asset)
            if change is None:
                return asset
            try:
                return await self._write_fitting(asset, change)
            except VersionConflict:
                await asyncio.sleep(random.random() * _CONFLICT_PAUSE_S * attempt)  # noqa: S311 - jitter
                asset = await self._read(id)
        raise VersionConflict(asset=id)

    async def _read(self, id: str) -> Asset:
        asset = await self.catalog.get(id)
        if asset is None:
            raise NotFound(f"there is no asset {id}", asset=id)
        return asset

    async def _write_fitting(self, before: Asset, change: Change) -> Asset:
        """Write; a record above its limit is slimmed, since refusing it would leave it standing."""
        try:
            return await self._write(before, change)
        except LimitExceeded as error:
            log.info("slimmed: %s", error, extra={"asset": before.id})
            return await self._write(before, replace(change, asset=slim(change.asset)))

    async def _write(self, before: Asset, change: Change) -> Asset:
        after = change.asset.model_copy(
            update={"mutation_id": new_id(), "updated_at": self.clock()}
        )
        version = before.version + 1
        outgoing = self._outgoing(after, change.events, version=version, quiet=change.quiet)
        written = await self.catalog.update(after, expected=before.version, events=outgoing)
        if outgoing:
            await self._send(written.id, outgoing)
        return written

    def _outgoing(
        self, asset: Asset, events: Sequence[Event], *, version: int, quiet: bool = False
    ) -> list[Outgoing]:
        outgoing = [Outgoing(_topic(event), event.to_message()) for event in events]
        if self._announce and not quiet:
            outgoing.append(Outgoing(Changed.topic, _changed(asset, version).to_message()))
        return outgoing

    async def _send(self, asset: str, outgoing: Sequence[Outgoing]) -> None:
        try:
            for item in outgoing:
                if item.topic not in self._captured:
                    await self._broker.publish(item.topic, [item.message], delay=item.delay)
        except MediakilnError as error:
            log.warning("events left to the relay: %s", error, extra={"asset": asset})
            return
        self._spawn(self.catalog.sent([(asset, item.message.id) for item in outgoing]))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("sent events were not marked, the relay repeats them: %s", error)

    async def drain(self) -> None:
        """Wait for marks that are still being written."""
        while self._background:
            await asyncio.wait(self._background)


def _topic(event: Event) -> str:
    return event.destination if isinstance(event, Job) else event.topic


def _changed(asset: Asset, version: int) -> Changed:
    return Changed(
        asset=asset.id,
        project=asset.project,
        run=asset.run,
        version=version,
        state=asset.state,
        kind=asset.kind,
        bytes=asset.bytes,
        uploader=asset.uploader,
    )
