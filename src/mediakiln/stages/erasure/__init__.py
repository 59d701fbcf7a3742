"""Everything of one uploader: what there is of it, and its end."""

from mediakiln.stages.erasure.stage import ARCHIVE_LOCK, Erasure, Erasures
from mediakiln.stages.erasure.traces import Trace, Traces

__all__ = ["ARCHIVE_LOCK", "Erasure", "Erasures", "Trace", "Traces"]
