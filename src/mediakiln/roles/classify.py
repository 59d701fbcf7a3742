"""The role that classifies what was received."""

from mediakiln.roles import parts
from mediakiln.roles.consumer import Consumer
from mediakiln.roles.engines import Engines, open_detector
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings
from mediakiln.stages.classify import Classify


def build(settings: Settings, engines: Engines) -> Service:
    """A consumer of `received`."""
    stage = Classify(
        engines.store,
        parts.ledger(settings, engines),
        open_detector(settings),
        parts.recipe_book(settings),
        names=parts.index(settings, engines),
        heavy_bytes=settings.heavy_bytes,
    )
    return Consumer(engines.broker, "classify", {"received": stage}, parts.policy(settings))
