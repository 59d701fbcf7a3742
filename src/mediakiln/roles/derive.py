"""Images on request: the stage behind their addresses, its sandbox, and the rules of addresses."""

import os
import socket
from datetime import timedelta
from functools import partial

from mediakiln.model.ids import new_id
from mediakiln.operations.image.edit.table import EDITS
from mediakiln.operations.image.pixels.encoding import Encoding
from mediakiln.ports.operation import Operation, OperationSet
from mediakiln.roles import parts
from mediakiln.roles.engines import Engines
from mediakiln.roles.settings import Settings
from mediakiln.sandbox.rooms import RoomRules
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.stages.derive import (
    Derive,
    Judge,
    Lane,
    Maker,
    Making,
    Planner,
    Shelf,
    ShelfSweep,
    Slowness,
    SourceFiles,
    Turns,
)
from mediakiln.stages.process.scratch import Scratch
from mediakiln.web.derive.rules import ImageRules

OPERATION = "image.transform"
FETCHES = 64
"""Sources that are fetched at once, from elsewhere or from a store that is not on this machine."""
FETCHES_EACH = 16
"""Of those, how many may come from one host or bucket: where it hangs, the others go on."""
_PATIENCE_S = 60.0
"""Seconds that clients, and proxies before them, commonly wait for an answer."""


def derive(settings: Settings, engines: Engines) -> Derive:
    """The stage, with a sandbox of its own that starts with the first image."""
    operations = OperationSet.installed()
    operation = operations.get(OPERATION)
    owner = f"images-{socket.gethostname()}-{os.getpid()}-{new_id()[-8:]}"
    scratch = Scratch(parts.scratch_root(settings, engines), owner=owner)
    scratch.open()  # here, since folders are asked for by several threads at once
    workers = settings.images_workers or os.cpu_count() or 1
    slow_workers = max(1, workers // 2)
    patience = max(_PATIENCE_S, 2 * settings.images_wall_s)
    lane = partial(Lane, most_waiting=settings.images_queue, most_wait_s=patience)
    runner = _runner(settings, operation, scratch, most=workers + slow_workers)
    made = Derive(
        planner=_planner(settings, operation),
        shelf=_filled(settings, engines),
        files=_files(settings, engines, scratch, lane("fetch", workers=FETCHES)),
        maker=Maker(runner, OPERATION, _making(settings)),
        judge=Judge(_slowness(settings, operations)),
        fast=lane("fast", workers=workers),
        slow=lane("slow", workers=slow_workers),
        store=engines.store,
        ledger=parts.ledger(settings, engines),
    )

    async def close() -> None:
        await made.close()
        await runner.close()
        scratch.close()

    engines.before_close.insert(0, close)
    return made


def _files(settings: Settings, engines: Engines, scratch: Scratch, lane: Lane) -> SourceFiles:
    return SourceFiles(
        engines.store,
        scratch.folder,
        lane,
        max_bytes=settings.images_source_bytes,
        reserve_bytes=settings.reserve_bytes,
        most_s=settings.images_wall_s,
        most_each=FETCHES_EACH,
    )


def _filled(settings: Settings, engines: Engines) -> Shelf:
    """The shelf of who puts images on it, and says how it grows."""
    return Shelf(
        engines.catalog,
        engines.store,
        reserve_bytes=settings.reserve_bytes,
        wrote=Turns(engines.catalog, max_bytes=settings.images_store_bytes).wrote,
    )


def _runner(settings: Settings, operation: Operation, scratch: Scratch, *, most: int) -> ForkRunner:
    """The sandbox, where at most so many children wait for images."""
    return ForkRunner(
        preload=operation.capabilities.preload,
        require_isolation=settings.isolation_required,
        rooms=RoomRules(scratch.folder, jobs=settings.images_per_process, most_idle=most),
    )


def _planner(settings: Settings, operation: Operation) -> Planner:
    return Planner(
        operation,
        formats=settings.images_formats,
        efforts={str(name): effort for name, effort in settings.images_efforts.items()},
    )


def rules(settings: Settings, *, keys: tuple[str, ...] | None = None) -> ImageRules:
    """What the settings say of addresses of images; `keys` stand instead of theirs."""
    return ImageRules(
        edits={name: edit.params for name, edit in EDITS.items()},
        encoding=Encoding,
        keys=tuple(key.encode() for key in keys or settings.image_keys()),
        signature_bytes=settings.images_signature_bytes,
        signed=settings.images_signed is not False,
        local=settings.images_signed is None and settings.loopback,
        max_age_s=settings.images_max_age_s,
        presets=settings.images_presets,
        memory_bytes=settings.images_memory_bytes,
    )


def sweep(settings: Settings, engines: Engines) -> ShelfSweep:
    """What holds the kept images to their bounds."""
    return ShelfSweep(
        engines.catalog,
        engines.store,
        max_bytes=settings.images_store_bytes,
        max_age=timedelta(days=settings.images_store_days),
    )


def shelf(engines: Engines) -> Shelf:
    """The kept images, for who purges them."""
    return Shelf(engines.catalog, engines.store)


def _slowness(settings: Settings, operations: OperationSet) -> Slowness:
    return Slowness(
        bytes=settings.images_slow_bytes,
        pixels=settings.images_slow_pixels,
        operations=frozenset(each.name for each in operations if each.capabilities.heavy),
    )


def _making(settings: Settings) -> Making:
    return Making(
        wall_s=settings.images_wall_s,
        memory_mb=settings.images_memory_mb,
        max_pixels=settings.max_pixels,
        max_frames=settings.max_frames,
    )
