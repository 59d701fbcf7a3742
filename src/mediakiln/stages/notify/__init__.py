"""Notify: tell the outside that a run ended, and keep a log of it."""

from mediakiln.stages.notify.deliveries import Deliveries
from mediakiln.stages.notify.hooks import Hooks
from mediakiln.stages.notify.stage import Notify

__all__ = ["Deliveries", "Hooks", "Notify"]
