"""The stage itself: from a source and a transform to bytes that can be sent."""

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from blake3 import blake3

from mediakiln.model.asset import Asset
from mediakiln.model.deliverable import Deliverable
from mediakiln.model.errors import Gone, MediakilnError, NotFound
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState
from mediakiln.model.transform import Transform
from mediakiln.ports.object_store import LocalFiles, ObjectStore
from mediakiln.stages.derive.derived import Derived, Original
from mediakiln.stages.derive.files import SourceFiles
from mediakiln.stages.derive.flights import Flight, Flights
from mediakiln.stages.derive.lanes import Lane
from mediakiln.stages.derive.making import Maker
from mediakiln.stages.derive.plan import Plan, Planner
from mediakiln.stages.derive.shelf import Kept, Shelf
from mediakiln.stages.derive.slowness import Judge
from mediakiln.stages.derive.source import Source
from mediakiln.stages.ledger import Change, Ledger
from mediakiln.telemetry import metrics

log = logging.getLogger(__name__)

FAILED_S: Final = 30.0
"""How long a file's refusal is remembered: asking again would only cost the same again."""
_MOST_FAILED: Final = 4096
_DIGEST: Final = re.compile(r"[0-9a-f]{32,128}")
_MOST_PUTTING: Final = 64
_EXTENSIONS: Final[Mapping[str, str]] = {"image/jpeg": "jpg", "image/tiff": "tif"}
_PROBE: Final = Transform(
    steps=({"op": "image.resize", "width": 64, "height": 64, "fit": "inside"},),
    encoding={"format": "jpeg", "animated": False},
)
_PROBE_AS_STORED: Final = replace(
    _PROBE, steps=({"op": "image.rotate", "orient": False}, *_PROBE.steps)
)


class Derive:
    """Finds derived images or makes them, and purges them."""

    def __init__(
        self,
        *,
        planner: Planner,
        shelf: Shelf,
        files: SourceFiles,
        maker: Maker,
        judge: Judge,
        fast: Lane,
        slow: Lane,
        store: ObjectStore,
        ledger: Ledger,
    ) -> None:
        self._planner = planner
        self._shelf = shelf
        self._files = files
        self._maker = maker
        self._judge = judge
        self._fast = fast
        self._slow = slow
        self._store = store
        self._ledger = ledger
        self._flights: Flights[Derived] = Flights()
        self._failed: OrderedDict[str, tuple[float, MediakilnError]] = OrderedDict()
        self._putting: dict[str, Derived] = {}
        self._puts: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Be ready to make images; `get` does it if need be."""
        await self._maker.start()

    async def get(self, source: Source, transform: Transform, accept: str = "") -> Derived:
        """The image that a transform makes of a source; `accept` is the request's header.

        Identical requests at one time make it once. A request that is cancelled before its turn
        came, and that nobody shares, costs nothing.

        Raises:
            InvalidRequest: the transform's parameters are not valid; names the field.
            Overloaded: too many wait already; with `retry_after` in seconds.
            NotFound: another asset that the image is to show is not there.
            Gone, ObjectMissing: the source's bytes are no more.
            UnsupportedMedia, BadMedia, LimitExceeded, …: the image cannot be made.
        """
        if transform.raw:
            return await self._raw(source)
        plan = await self._plan(source, transform, accept)
        if plan.record not in self._flights:  # where it is, the store may not have it yet
            found = await self._found(plan)
            if found is not None:
                metrics.DERIVED.labels("found").inc()
                return found
            self._refuse_again(plan)
        if plan.record in self._flights:
            metrics.DERIVED.labels("joined").inc()
        return await self._flights.join(plan.record, lambda flight: self._make(plan, flight))

    async def original(self, source: Source, *, upright: bool = True) -> Original:
        """What a source is, upright or as its pixels are stored; found out once and kept.

        Raises:
            MediakilnError: as `get`.
        """
        found = await self.get(source, _PROBE if upright else _PROBE_AS_STORED)
        original = found.facts["original"]
        width, height = int(original["width"]), int(original["height"])
        if not upright and (width - height) * (found.facts["width"] - found.facts["height"]) < 0:
            width, height = height, width  # what is small lies as it is stored
        return Original(width, height, original["format"])

    async def lost(self, derived: Derived) -> None:
        """Say that an image's bytes were not where they should be: the next `get` makes it."""
        if derived.plan is not None:
            await self._shelf.take_back(derived.plan)

    async def purge(self, id: str, *, project: str | None = None) -> int:
        """Remove everything derived from an asset; how many images there were.

        Addresses go on working, with new ETags' images made anew.

        Raises:
            NotFound: there is no such asset (in the project, where one is given).
        """

        def apply(asset: Asset) -> Change:
            if project not in {None, asset.project}:
                raise NotFound(f"there is no asset {id}", asset=id)
            return Change(asset.model_copy(update={"epoch": asset.epoch + 1}), quiet=True)

        asset = await self._ledger.change(id, apply)
        return await self._shelf.purge(asset.project, asset.id)

    async def close(self) -> None:
        """Drop what is under way, and finish what is being put into the store."""
        await self._flights.close()
        await asyncio.gather(*self._puts, return_exceptions=True)
        await self._shelf.close()
        self._files.close()

    async def _found(self, plan: Plan) -> Derived | None:
        """The image if it is there, or on its way to the store."""
        if plan.record not in self._putting:
            kept = await self._shelf.find(plan)
            if kept is not None:
                return self._derived(plan, kept)
        return self._putting.get(plan.record)

    async def _make(self, plan: Plan, flight: Flight) -> Derived:
        slow = self._judge.is_slow(plan)
        (self._slow if slow else self._fast).check()
        async with AsyncExitStack() as stack:
            path = await stack.enter_async_context(self._files.hold(plan.source))
            others = {
                id: await stack.enter_async_context(self._files.hold(other))
                for id, other in plan.others.items()
            }
            slow = slow or await self._judge.has_slow_file(plan, path)
            await stack.enter_async_context((self._slow if slow else self._fast).place())
            flight.begin()
            try:
                return await self._made(plan, path, others)
            except MediakilnError as error:
                self._remember_failure(plan, error)
                metrics.DERIVED.labels("failed").inc()
                raise

    async def _plan(self, source: Source, transform: Transform, accept: str) -> Plan:
        asked = self._planner.asked(source, transform, accept)
        others: dict[str, Source] = {}
        if asked.others:
            found = await self._ledger.catalog.get_many(asked.others)
            for id in asked.others:
                asset = found.get(id)
                if (
                    asset is None
                    or asset.project != source.project
                    or asset.state is AssetState.DELETING
                ):
                    raise NotFound(f"there is no asset {id}, which the image is to show", asset=id)
                others[id] = Source.of(asset)
        return self._planner.plan(source, asked, others)

    async def _made(self, plan: Plan, path: Path, others: Mapping[str, Path]) -> Derived:
        async with self._maker.made(plan, path, others) as (made, data):
            kept = self._shelf.expect(
                plan,
                media_type=made.product.media_type,
                size=made.bytes,
                checksum=made.checksum,
                facts=made.product.metadata,
            )
            metrics.DERIVED.labels("made").inc()
            if data is None or len(self._putting) >= _MOST_PUTTING:
                await self._put(plan, kept, made.path if data is None else data)
                return self._derived(plan, kept)
        derived = self._putting[plan.record] = self._derived(plan, kept, data)
        task = asyncio.create_task(self._put_behind(plan, kept, data))
        self._puts.add(task)
        task.add_done_callback(self._puts.discard)
        return derived

    async def _put(self, plan: Plan, kept: Kept, content: bytes | Path) -> None:
        """Put an image on the shelf, and take it back where its source was purged meanwhile.

        A purge first raises the asset's epoch, or hides the asset, and then removes what it finds.
        So what it did not find yet is put after the epoch was raised, which is seen here.
        """
        await self._shelf.put(plan, kept, content)
        if plan.source.id.startswith("at-"):
            return
        asset = await self._ledger.catalog.get(plan.source.id)
        if asset is None or asset.state is AssetState.DELETING or asset.epoch != plan.source.epoch:
            await self._shelf.take_back(plan)

    async def _put_behind(self, plan: Plan, kept: Kept, data: bytes) -> None:
        """Put an image on the shelf that was answered with already: without, it is made again."""
        try:
            await self._put(plan, kept, data)
        except MediakilnError as error:
            log.warning("a derived image is not kept: %s", error, extra={"key": plan.record})
        finally:
            self._putting.pop(plan.record, None)

    def _derived(self, plan: Plan, kept: Kept, data: bytes | None = None) -> Derived:
        kind = kept.media_type.partition("/")[2]
        stem = plan.source.name.rpartition(".")[0] or plan.source.name or "image"
        item = Deliverable(
            bucket=Bucket.PRODUCTION,
            key=plan.object,
            size=kept.bytes,
            etag=_tag(kept.checksum),
            media_type=kept.media_type,
            filename=f"{stem}.{_EXTENSIONS.get(kept.media_type, kind)}",
            immutable=True,
            path=self._path(Bucket.PRODUCTION, plan.object),
        )
        return Derived(item, kept.facts, data, plan)

    async def _raw(self, source: Source) -> Derived:
        """The source's own bytes."""
        path, size = None, source.size
        if source.key is not None and size is not None:
            await self._files.check(source)
            path = self._path(source.bucket, source.key)
        else:
            async with self._files.hold(source) as held:
                path, size = held, held.stat().st_size
        item = Deliverable(
            bucket=source.bucket,
            key=source.key or source.id,
            size=size,
            etag=_tag(source.identity),
            media_type=source.media_type or "application/octet-stream",
            filename=source.name or "image",
            immutable=True,
            path=path,
        )
        return Derived(item)

    def _path(self, bucket: Bucket, key: str) -> Path | None:
        if isinstance(self._store, LocalFiles):
            return self._store.local_path(bucket, key)
        return None

    def _refuse_again(self, plan: Plan) -> None:
        known = self._failed.get(plan.record)
        if known is None:
            return
        if time.monotonic() < known[0]:
            raise type(known[1])(known[1].message, **known[1].context)
        del self._failed[plan.record]

    def _remember_failure(self, plan: Plan, error: MediakilnError) -> None:
        if error.retryable or isinstance(error, Gone):
            return
        self._failed[plan.record] = (time.monotonic() + FAILED_S, error)
        while len(self._failed) > _MOST_FAILED:
            self._failed.popitem(last=False)


def _tag(identity: str) -> str:
    """The entity tag of what a checksum names; what else tells bytes apart is hashed."""
    digest = identity.rpartition(":")[2]
    if not _DIGEST.fullmatch(digest):
        digest = blake3(identity.encode()).hexdigest()
    return digest[:32]
