"""The role that sets standing records going and deletes what nobody needs."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from mediakiln.roles import derive, parts
from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service, Sweeper, Together
from mediakiln.roles.settings import Settings
from mediakiln.stages.erasure import Erasures
from mediakiln.stages.reconcile import Housekeeping, LostObjects, Reconcile
from mediakiln.stages.search import Index

_BATCH = 100
_HOUR_S = 3600.0
_ERASURES_S = 15.0
_DERIVED_S = 2.0


def build(settings: Settings, engines: Engines) -> Service:
    """Due records every few seconds, lost objects in minutes, orphans and archives every hour."""
    records = Reconcile(
        parts.ledger(settings, engines),
        engines.store,
        purge_derived=_purge(engines),
    )
    projects = parts.project_names(engines)
    house = Housekeeping(
        engines.catalog, engines.store, projects=projects, archive_days=settings.archive_days
    )
    lost = LostObjects(
        engines.catalog,
        engines.store,
        parts.adoption(settings, engines),
        projects=projects,
        prefixes=[drop.prefix for drop in settings.drops],
        grace=timedelta(seconds=settings.lost_grace_s),
    )
    unname = Index(engines.catalog, engines.store).leave
    erasures = Erasures(parts.ledger(settings, engines), engines.store, unname=unname)
    uploads = parts.upload_sweep(settings, engines)
    interval = min(15.0, max(1.0, settings.stall_s / 4))
    return Together(
        [
            Sweeper(
                "reconcile", lambda: records.sweep(limit=_BATCH), interval=interval, full=_BATCH
            ),
            Sweeper("lost", lost.sweep, interval=_look_s(settings), full=1_000_000),
            Sweeper("uploads", uploads, interval=_left_s(settings), full=1_000_000),
            Sweeper("erasures", erasures.sweep, interval=_ERASURES_S, full=1),
            Sweeper(
                "derived",
                derive.sweep(settings, engines).in_turn,
                interval=_DERIVED_S,
                full=1_000_000,
            ),
            Sweeper("orphans", house.sweep_orphans, interval=_HOUR_S, full=1_000_000),
            Sweeper("archives", house.expire_archives, interval=_HOUR_S, full=1_000_000),
        ]
    )


def _purge(engines: Engines) -> Callable[[str, str], Awaitable[int]]:
    """Removes what was made of an asset beside its products: images on request, search terms."""
    index, shelf = Index(engines.catalog, engines.store), derive.shelf(engines)

    async def purge(project: str, id: str) -> int:
        await index.forget(project, id)
        return await shelf.purge(project, id)

    return purge


def _look_s(settings: Settings) -> float:
    """Pause between two looks for lost objects, which cost listings."""
    return min(300.0, max(1.0, settings.lost_grace_s / 3))


def _left_s(settings: Settings) -> float:
    """Pause between two looks at all uploads in progress."""
    return min(_HOUR_S / 2, settings.upload_expiry_s / 4)
