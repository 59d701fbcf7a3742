"""The role that keeps dead letters as records."""

from mediakiln.model.topology import DEAD
from mediakiln.roles import parts
from mediakiln.roles.consumer import Consumer
from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings
from mediakiln.stages.deadletters import DeadLetters


def build(settings: Settings, engines: Engines) -> Service:
    """A consumer of `dead`."""
    stage = DeadLetters(engines.catalog, engines.broker)
    policy = parts.policy(settings, max_attempts=1_000)
    return Consumer(engines.broker, "dead", {DEAD: stage.store}, policy)
