"""Records that are due: re-emit what was lost, purge what was deleted, tidy what is over."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from mediakiln.model.asset import Asset, Problem, StepProducts
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.drops import dropped_id, is_dropped
from mediakiln.model.errors import AttemptsSpent, ObjectMissing
from mediakiln.model.keys import Bucket, asset_prefix, manifest_key, run_of
from mediakiln.model.kind import AssetState
from mediakiln.model.messages import Event, Job, Received, Stored
from mediakiln.model.product import Manifest
from mediakiln.model.transitions import TIDY_AFTER, at_end, completed, without_open
from mediakiln.ports.object_store import ObjectStore
from mediakiln.stages.ledger import Change, Ledger
from mediakiln.telemetry import metrics

log = logging.getLogger(__name__)

MAX_STALLS = 16
"""A run that was set going this often and still stands is failed: with the pauses, after days."""
MOST_PAUSE = timedelta(days=1)
_DELETE_BATCH = 500

Purge = Callable[[str, str], Awaitable[int]]
"""Removes what was derived from an asset, given its project and id; how much it was."""


class Reconcile:
    """Looks at every record whose `due_at` has passed.

    A standing run is looked at again after the ledger's `stall_after`, and after twice as long
    each time, so that a long backlog is not made longer by what is sent again.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ObjectStore,
        *,
        purge_derived: Purge | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._ledger = ledger
        self._purge_derived = purge_derived
        self._store = store
        self._clock = clock

    async def sweep(self, *, limit: int = 100) -> int:
        """Treat up to `limit` due records of each shard; returns how many there were."""
        treated = 0
        for shard in range(self._ledger.catalog.capabilities.shards):
            for asset in await self._ledger.catalog.due(self._clock(), shard=shard, limit=limit):
                treated += 1
                try:
                    await self._treat(asset)
                except Exception:
                    # Left due, it would come first in every sweep and keep others from theirs.
                    log.exception("not reconciled", extra={"asset": asset.id})
                    await self._postpone(asset)
        return treated

    async def _treat(self, asset: Asset) -> None:
        if asset.state is AssetState.DELETING:
            action = await self._purge(asset)
        elif asset.state.terminal:
            action = await self._tidy(asset)
        else:
            action = await self._set_going(asset)
        metrics.RECONCILED.labels(action).inc()
        log.info("reconciled: %s", action, extra={"asset": asset.id, "run": asset.run})

    async def _set_going(self, asset: Asset) -> str:
        """Send again what would move a standing record on; a live claim is only waited for."""
        claim = asset.claim
        if claim is not None and claim.expires_at > self._clock():
            await self._postpone(asset)
            return "waited"
        if asset.stalls >= MAX_STALLS:
            await self._give_up(asset)
            return "given up"
        if asset.state is AssetState.RECEIVED:
            again: Sequence[Event] = [
                Received(asset=asset.id, project=asset.project, run=asset.run)
            ]
        elif asset.end is not None:
            again = [
                event for step in asset.end.expected if (event := await self._stored(asset, step))
            ]
        elif asset.kind is not None:
            again = [
                Job(
                    asset=asset.id,
                    project=asset.project,
                    run=asset.run,
                    kind=asset.kind,
                    heavy=asset.heavy,
                )
            ]
        else:
            again = []
        await self._look_again(asset, again)
        return "re-emitted"

    async def _stored(self, asset: Asset, step: str) -> Stored | None:
        """The message of a committed step that the record has not seen."""
        if step in asset.arrived:
            return None
        key = manifest_key(asset.project, asset.id, step, asset.run)
        try:
            manifest = Manifest.model_validate_json(await self._store.get(Bucket.PRODUCTION, key))
        except ObjectMissing:
            log.warning("a committed manifest is gone", extra={"asset": asset.id, "step": step})
            return None
        return Stored(
            asset=asset.id,
            project=asset.project,
            run=asset.run,
            attempt=manifest.attempt,
            step=step,
            products=StepProducts.of(manifest, steps=len(asset.steps)),
            seconds=manifest.seconds,
        )

    async def _look_again(self, asset: Asset, events: Sequence[Event]) -> None:
        pause = min(self._ledger.stall_after * 2**asset.stalls, MOST_PAUSE)
        due = {"due_at": self._clock() + pause, "stalls": asset.stalls + 1}
        await self._if_unmoved(
            asset, lambda: Change(asset.model_copy(update=due), events, quiet=True)
        )

    async def _postpone(self, asset: Asset) -> None:
        due = {"due_at": self._clock() + self._ledger.stall_after}
        await self._if_unmoved(asset, lambda: Change(asset.model_copy(update=due), quiet=True))

    async def _give_up(self, asset: Asset) -> None:
        """End a run that nothing moves: its messages are buried, or what they need is lost."""
        reason = f"the run stood still, though it was set going {asset.stalls} times"
        error = Problem(code=AttemptsSpent.code, message=reason)

        def change() -> Change:
            told = {"error": error, "steps": without_open(asset.steps)}
            after = asset.model_copy(update=told)
            ended = at_end(after, AssetState.FAILED, now=self._clock())
            return Change(ended, [completed(ended)])

        await self._if_unmoved(asset, change)

    async def _if_unmoved(self, asset: Asset, change: Callable[[], Change]) -> None:
        def apply(latest: Asset) -> Change | None:
            return change() if latest.version == asset.version else None

        await self._ledger.change(asset.id, apply, known=asset)

    async def _purge(self, asset: Asset) -> str:
        """The grace is over: delete the bytes and keep the tombstone.

        Archive copies go when their day expires: they cannot be deleted before their lock ends.
        A second visit takes what a worker wrote that had not yet heard of the deletion.
        """
        await self._delete_source(asset)
        await self._delete_below(asset, keep=frozenset())
        if self._purge_derived is not None:
            await self._purge_derived(asset.project, asset.id)
        empty: dict[str, object] = {
            "purged": True,
            "due_at": None if asset.purged else self._clock() + TIDY_AFTER,
            "published": {},
            "arrived": {},
            "metadata": {},
        }
        await self._settle(asset, empty)
        return "purged"

    async def _delete_source(self, asset: Asset) -> None:
        """Delete the upload, unless its key, which is others' to write, has become another's."""
        key = asset.source.key
        if is_dropped(asset.id, key):
            info = await self._store.head(Bucket.INPUT, key)
            if info is None or asset.id != dropped_id(
                key, etag=info.etag, version=info.version, modified=info.modified
            ):
                return
        await self._store.delete(Bucket.INPUT, [key])

    async def _tidy(self, asset: Asset) -> str:
        """Delete production objects that the record does not name: lost attempts, old runs.

        A run that begins meanwhile is left alone: its objects bear a higher number.
        """
        keep = {step.manifest for step in asset.published.values()}
        for step in asset.published.values():
            manifest = Manifest.model_validate_json(
                await self._store.get(Bucket.PRODUCTION, step.manifest)
            )
            keep |= {file.key for file in manifest.files}
        await self._delete_below(asset, keep=frozenset(keep))
        await self._settle(asset, {"due_at": None})
        return "tidied"

    async def _delete_below(self, asset: Asset, *, keep: frozenset[str]) -> None:
        prefix = asset_prefix(asset.project, asset.id)
        batch: list[str] = []
        async for item in self._store.list(Bucket.PRODUCTION, prefix):
            if item.key not in keep and (run_of(item.key) or 0) <= asset.run:
                batch.append(item.key)
            if len(batch) >= _DELETE_BATCH:
                await self._store.delete(Bucket.PRODUCTION, batch)
                batch = []
        if batch:
            await self._store.delete(Bucket.PRODUCTION, batch)

    async def _settle(self, asset: Asset, update: dict[str, object]) -> None:
        def apply(latest: Asset) -> Change | None:
            if latest.run != asset.run or latest.state is not asset.state:
                return None
            return Change(latest.model_copy(update=update), quiet=True)

        await self._ledger.change(asset.id, apply, known=asset)
