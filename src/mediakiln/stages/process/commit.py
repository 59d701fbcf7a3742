"""Product commits: files first, then one manifest by put-if-absent; whoever loses cleans up.

The files' archive copies are made before the manifest, so a committed step always has them.
The child that made them may go on to other steps meanwhile. What it says of their bytes is held
against what was stored.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from mediakiln.model.asset import Asset
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import (
    AlreadyExists,
    ChecksumMismatch,
    Crashed,
    ObjectMissing,
    VersionConflict,
)
from mediakiln.model.keys import Bucket, archive_key, attempt_prefix, manifest_key
from mediakiln.model.product import Lineage, Manifest, StoredFile
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import ObjectStore
from mediakiln.ports.runner import Made
from mediakiln.stages.process.plan import PlannedStep
from mediakiln.telemetry import metrics

T = TypeVar("T")

INDEX_SPACE = "products"
_PARALLEL_FILES = 8


class Commits:
    """Writes, finds and re-uses the committed products of steps."""

    def __init__(self, store: ObjectStore, catalog: Catalog, *, clock: Clock = utc_now) -> None:
        self._store = store
        self._index = catalog.records(INDEX_SPACE)
        self._clock = clock
        self._slots = asyncio.Semaphore(_PARALLEL_FILES)

    async def find(self, asset: Asset, step: str) -> Manifest | None:
        """The manifest of a step of this run, if an earlier attempt committed it."""
        key = manifest_key(asset.project, asset.id, step, asset.run)
        try:
            raw = await self._store.get(Bucket.PRODUCTION, key)
        except ObjectMissing:
            return None
        manifest = Manifest.model_validate_json(raw)
        await self._archive_manifest(manifest, key)
        return manifest

    async def reuse(self, asset: Asset, attempt: int, planned: PlannedStep) -> Manifest | None:
        """Copy the products of equal work done before in this project; None if there are none."""
        record = await self._index.get(f"{asset.project}/{planned.key}")
        if record is None:
            return None
        try:
            raw = await self._store.get(Bucket.PRODUCTION, record.value["manifest"])
            known = Manifest.model_validate_json(raw)
        except ObjectMissing:
            return None
        prefix = attempt_prefix(asset.project, asset.id, planned.name, asset.run, attempt)
        try:
            files = await _all(self._copy(file, prefix) for file in known.files)
        except ObjectMissing:
            copies = [prefix + file.file for file in known.files]
            await self._store.delete(Bucket.PRODUCTION, copies)
            return None
        metrics.STEPS_REUSED.labels(planned.operation.name).inc()
        lineage = planned.lineage.model_copy(
            update={"tools": known.lineage.tools, "reused_from": known.asset}
        )
        return await self._commit(asset, attempt, planned, files, lineage, known.seconds)

    async def commit(
        self,
        asset: Asset,
        attempt: int,
        planned: PlannedStep,
        made: Sequence[Made],
        *,
        seconds: float,
        tools: dict[str, str],
    ) -> Manifest:
        """Store a step's products and commit them; the winner's manifest is what comes back.

        Raises:
            Crashed: a file was changed after it had been reported; nothing is committed.
        """
        prefix = attempt_prefix(asset.project, asset.id, planned.name, asset.run, attempt)
        try:
            files = await _all(self._store_file(item, prefix) for item in made)
        except Crashed:
            stored = [prefix + item.product.file for item in made]
            await self._store.delete(Bucket.PRODUCTION, stored)
            raise
        lineage = planned.lineage.model_copy(update={"tools": tools})
        return await self._commit(asset, attempt, planned, files, lineage, seconds)

    async def _store_file(self, made: Made, prefix: str) -> StoredFile:
        key = prefix + made.product.file
        async with self._slots:
            await self._put(made, key)
            archived = await self._archive(key)
        return StoredFile(
            file=made.product.file,
            media_type=made.product.media_type,
            bytes=made.bytes,
            checksum=made.checksum,
            key=key,
            archive_key=archived,
            metadata=made.product.metadata,
        )

    async def _put(self, made: Made, key: str) -> None:
        said = f"{made.product.file!r:.200} is not what was reported"
        try:
            info = await self._store.put_file(
                Bucket.PRODUCTION, key, made.path, checksum=made.checksum
            )
        except ChecksumMismatch as error:
            raise Crashed(said) from error
        if info.size != made.bytes:
            raise Crashed(said)

    async def _copy(self, file: StoredFile, prefix: str) -> StoredFile:
        key = prefix + file.file
        async with self._slots:
            await self._store.copy((Bucket.PRODUCTION, file.key), (Bucket.PRODUCTION, key))
            archived = await self._archive(key)
        return file.model_copy(update={"key": key, "archive_key": archived})

    async def _archive(self, key: str) -> str:
        target = archive_key(key, self._clock().date())
        await self._store.copy((Bucket.PRODUCTION, key), (Bucket.ARCHIVE, target))
        return target

    async def _archive_manifest(self, manifest: Manifest, key: str) -> None:
        target = archive_key(key, manifest.created_at.date())
        await self._store.copy((Bucket.PRODUCTION, key), (Bucket.ARCHIVE, target))

    async def _commit(
        self,
        asset: Asset,
        attempt: int,
        planned: PlannedStep,
        files: Sequence[StoredFile],
        lineage: Lineage,
        seconds: float,
    ) -> Manifest:
        manifest = Manifest(
            project=asset.project,
            asset=asset.id,
            run=asset.run,
            attempt=attempt,
            step=planned.name,
            product_key=planned.key,
            files=tuple(files),
            lineage=lineage,
            seconds=seconds,
            created_at=self._clock(),
        )
        key = manifest_key(asset.project, asset.id, planned.name, asset.run)
        try:
            await self._store.put(Bucket.PRODUCTION, key, manifest.encode(), if_absent=True)
        except AlreadyExists:
            return await self._yield_to_winner(asset, planned.name, files)
        await self._archive_manifest(manifest, key)
        await self._remember(f"{asset.project}/{planned.key}", key)
        return manifest

    async def _yield_to_winner(
        self, asset: Asset, step: str, files: Sequence[StoredFile]
    ) -> Manifest:
        winner = await self.find(asset, step)
        if winner is None:
            raise ObjectMissing("a manifest was there and is gone", asset=asset.id, step=step)
        kept = {file.key for file in winner.files}
        mine = [file.key for file in files if file.key not in kept]
        await self._store.delete(Bucket.PRODUCTION, mine)
        return winner

    async def _remember(self, key: str, manifest: str) -> None:
        known = await self._index.get(key)
        try:
            await self._index.put(
                key, {"manifest": manifest}, expected=known.version if known else None
            )
        except VersionConflict:
            return


async def _all(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Every call's result. When one fails, none is still writing once the error is raised."""
    tasks = [asyncio.create_task(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
