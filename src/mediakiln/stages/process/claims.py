"""Claims: one worker at a time on a run, by compare-and-set of the record.

The record's attempts are the truth about how often a run was started; a broker's delivery
counts are advice.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from mediakiln.model.asset import Asset, Claim
from mediakiln.model.errors import Leased, LeaseLost, MediakilnError, NotFound
from mediakiln.model.kind import AssetState
from mediakiln.model.messages import Job
from mediakiln.model.transitions import with_next_running
from mediakiln.stages.ledger import Change, Ledger

log = logging.getLogger(__name__)

DUE_AFTER_LEASE = timedelta(seconds=30)


class Claims:
    """Takes, renews and releases claims as `owner`, for `lease_s` seconds at a time."""

    def __init__(self, ledger: Ledger, *, owner: str, lease_s: float) -> None:
        self._ledger = ledger
        self._owner = owner
        self._lease = timedelta(seconds=lease_s)

    async def take(self, job: Job) -> Asset | None:
        """Claim the job's run; None when there is nothing left to do for it.

        Raises:
            Leased: another worker holds it; `retry_after` says for how long at most.
        """

        def apply(asset: Asset) -> Change | None:
            if not _wanted(asset, job.run):
                return None
            now = self._ledger.clock()
            if asset.claim is not None and asset.claim.expires_at > now:
                left = (asset.claim.expires_at - now).total_seconds()
                raise Leased(asset=asset.id, retry_after=left)
            attempt = asset.attempts + 1
            expires = now + self._lease
            after = asset.model_copy(
                update={
                    "claim": Claim(owner=self._owner, attempt=attempt, expires_at=expires),
                    "attempts": attempt,
                    "steps": with_next_running(asset.steps),
                    "due_at": expires + DUE_AFTER_LEASE,
                }
            )
            return Change(after)

        try:
            asset = await self._ledger.change(job.asset, apply)
        except NotFound:
            return None
        return asset if _wanted(asset, job.run) else None

    @asynccontextmanager
    async def held(self, asset: Asset) -> AsyncIterator[None]:
        """Renew while the body works; end the body when the claim is lost.

        Raises:
            LeaseLost: the run was superseded, deleted or taken over.
        """
        worker = asyncio.current_task()
        lost: list[MediakilnError] = []
        over = asyncio.Event()

        async def renew() -> None:
            # A cancellation that meets the end of a driver's time-out can be lost in it.
            while not over.is_set():
                await asyncio.sleep(self._lease.total_seconds() / 3)
                try:
                    await self._renew(asset)
                except LeaseLost as error:
                    if worker is not None and not over.is_set():
                        lost.append(error)
                        worker.cancel()
                    return
                except MediakilnError as error:
                    log.warning("a claim was not renewed: %s", error, extra={"asset": asset.id})

        renewal = asyncio.create_task(renew())
        try:
            yield
        except asyncio.CancelledError:
            if not lost:
                raise
            if worker is not None:
                worker.uncancel()
            raise lost[0] from None
        finally:
            over.set()
            renewal.cancel()

    async def _renew(self, held: Asset) -> None:
        def apply(asset: Asset) -> Change:
            _insist(asset, held)
            expires = self._ledger.clock() + self._lease
            claim = held.claim and held.claim.model_copy(update={"expires_at": expires})
            due = expires + DUE_AFTER_LEASE
            return Change(asset.model_copy(update={"claim": claim, "due_at": due}), quiet=True)

        await self._ledger.change(held.id, apply)

    async def release(self, held: Asset, *, excused: bool = False) -> Asset:
        """Let another attempt start at once. `excused`: this one does not count.

        Its number stays used, since what it wrote may still be arriving in the store.

        Raises:
            LeaseLost: the claim was not ours any more.
        """

        def apply(asset: Asset) -> Change:
            _insist(asset, held)
            update = {"claim": None, "excused": asset.excused + excused}
            return Change(asset.model_copy(update=update), quiet=True)

        return await self._ledger.change(held.id, apply)

    async def count_kill(self, held: Asset, step: str) -> Asset:
        """Count against a step that the sandbox ended its child; the claim stays.

        Raises:
            LeaseLost: the claim was not ours any more.
        """

        def apply(asset: Asset) -> Change:
            _insist(asset, held)
            kills = {**asset.kills, step: asset.kills.get(step, 0) + 1}
            return Change(asset.model_copy(update={"kills": kills}), quiet=True)

        return await self._ledger.change(held.id, apply)


def _wanted(asset: Asset, run: int) -> bool:
    return asset.run == run and asset.state is AssetState.PROCESSING and asset.end is None


def _insist(asset: Asset, held: Asset) -> None:
    claim, mine = asset.claim, held.claim
    same = (
        claim is not None
        and mine is not None
        and (claim.owner, claim.attempt)
        == (
            mine.owner,
            mine.attempt,
        )
    )
    if asset.run != held.run or not same:
        raise LeaseLost("the run was superseded or taken over", asset=held.id)
