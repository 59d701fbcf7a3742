"""The role that sets standing records going and deletes what nobody needs."""

from mediakiln.roles import parts
from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service, Sweeper, Together
from mediakiln.roles.settings import Settings
from mediakiln.stages.reconcile import Housekeeping, Reconcile

_BATCH = 100
_HOUR_S = 3600.0


def build(settings: Settings, engines: Engines) -> Service:
    """Due records every few seconds; orphans and archives every hour."""
    records = Reconcile(parts.ledger(settings, engines), engines.store)
    house = Housekeeping(
        engines.catalog, engines.store, projects=["default"], archive_days=settings.archive_days
    )
    interval = min(15.0, max(1.0, settings.stall_s / 4))
    return Together(
        [
            Sweeper(
                "reconcile", lambda: records.sweep(limit=_BATCH), interval=interval, full=_BATCH
            ),
            Sweeper("orphans", house.sweep_orphans, interval=_HOUR_S, full=1_000_000),
            Sweeper("archives", house.expire_archives, interval=_HOUR_S, full=1_000_000),
        ]
    )
