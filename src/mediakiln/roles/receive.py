"""The role that adopts objects which came straight to the bucket."""

from mediakiln.roles import parts
from mediakiln.roles.consumer import Consumer
from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings


def build(settings: Settings, engines: Engines) -> Service:
    """A consumer of `objects`."""
    stage = parts.receive(settings, engines)
    return Consumer(engines.broker, "receive", {"objects": stage.adopt}, parts.policy(settings))
