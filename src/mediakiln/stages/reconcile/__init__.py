"""Reconcile: set going again what stands still, and delete what nobody needs."""

from mediakiln.stages.reconcile.housekeeping import Housekeeping
from mediakiln.stages.reconcile.lost import LostObjects
from mediakiln.stages.reconcile.stage import Reconcile

__all__ = ["Housekeeping", "LostObjects", "Reconcile"]
