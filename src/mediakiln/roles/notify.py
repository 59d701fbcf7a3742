"""The role that tells the outside of completed runs."""

from mediakiln.roles import parts
from mediakiln.roles.consumer import Consumer
from mediakiln.roles.engines import Engines
from mediakiln.roles.service import Service
from mediakiln.roles.settings import Settings
from mediakiln.stages.notify import Notify

MAX_ATTEMPTS = 15
"""Pauses double from a second to 15 minutes, so a target is tried for about an hour and a half."""


def build(settings: Settings, engines: Engines) -> Service:
    """A consumer of `completed`."""
    stage = Notify(parts.deliveries(settings, engines))
    return Consumer(
        engines.broker,
        "notify",
        {"completed": stage},
        parts.policy(settings, max_attempts=MAX_ATTEMPTS),
    )
