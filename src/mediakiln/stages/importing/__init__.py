"""Imports: files at addresses, in buckets and folders, taken in as resumable jobs."""

from mediakiln.stages.importing.desk import ImportDesk, Wanted
from mediakiln.stages.importing.intake import Intake
from mediakiln.stages.importing.stage import Importing

__all__ = ["ImportDesk", "Importing", "Intake", "Wanted"]
