"""The role that sends the events their writers did not."""

from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service, Sweeper
from mediakiln.roles.settings import Settings
from mediakiln.stages.relay import Relay

_BATCH = 200


def build(settings: Settings, engines: Engines) -> Service:
    """A sweep of the outbox every two seconds."""
    stage = Relay(engines.catalog, engines.broker, captured=settings.captured)
    return Sweeper("relay", lambda: stage.sweep(limit=_BATCH), interval=2.0, full=_BATCH)
