"""The role that joins `stored` and `finished` into the record, and has what was found indexed."""

from mediakiln.roles import parts
from mediakiln.roles.consumer import Consumer
from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings
from mediakiln.stages.join import Join


def build(settings: Settings, engines: Engines) -> Service:
    """A consumer of both streams."""
    index = parts.index(settings, engines)
    stage = Join(parts.ledger(settings, engines), index=index.index)
    handlers = {"stored": stage.stored, "finished": stage.finished}
    return Consumer(engines.broker, "join", handlers, parts.policy(settings, max_attempts=20))
