"""Every metric, with its labels and unit. Names follow the Prometheus conventions.

Processes that share a folder (`shared_registry`) are scraped as one. The client library decides
by PROMETHEUS_MULTIPROC_DIR, which must be set before this module is imported.
"""

from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

UPLOADS = Counter("mediakiln_uploads_total", "Uploads by outcome code.", ["outcome"])
UPLOAD_BYTES = Counter("mediakiln_upload_bytes_total", "Bytes of accepted uploads.")
MESSAGES = Counter(
    "mediakiln_messages_total",
    "Messages handled, by topic, group and outcome.",
    ["topic", "group", "outcome"],
)
HANDLE_SECONDS = Histogram(
    "mediakiln_handle_seconds", "Time to handle a message.", ["topic", "group"], buckets=_SECONDS
)
STEP_SECONDS = Histogram(
    "mediakiln_step_seconds", "Time an operation ran.", ["operation", "outcome"], buckets=_SECONDS
)
QUESTION_SECONDS = Histogram(
    "mediakiln_question_seconds",
    "Time until a recogniser outside answered a job, by model and outcome code.",
    ["model", "outcome"],
    buckets=_SECONDS,
)
STEPS_REUSED = Counter(
    "mediakiln_steps_reused_total", "Steps whose products existed.", ["operation"]
)
COMPLETED = Counter(
    "mediakiln_completed_total", "Runs ended, by kind and state.", ["kind", "state"]
)
TURNAROUND_SECONDS = Histogram(
    "mediakiln_turnaround_seconds",
    "From the start of a run to its end.",
    ["kind"],
    buckets=_SECONDS,
)
BACKLOG = Gauge(
    "mediakiln_backlog_messages",
    "Messages waiting, by state.",
    ["topic", "group", "state"],
    multiprocess_mode="mostrecent",
)
BACKLOG_AGE_SECONDS = Gauge(
    "mediakiln_backlog_oldest_age_seconds",
    "Age of the oldest waiting message.",
    ["topic", "group"],
    multiprocess_mode="mostrecent",
)
RELAYED = Counter("mediakiln_relayed_total", "Events the relay sent for a writer that did not.")
RECONCILED = Counter(
    "mediakiln_reconciled_total", "Records set going again, by what was done.", ["action"]
)
FOREIGN_OBJECTS = Counter(
    "mediakiln_foreign_objects_total",
    "Objects in the input bucket under keys of others, by what became of them.",
    ["outcome"],
)
DERIVED = Counter(
    "mediakiln_derived_total", "Images asked for by address, by how they were had.", ["outcome"]
)
DERIVE_SECONDS = Histogram(
    "mediakiln_derive_seconds", "Time to make an image on request.", ["lane"], buckets=_SECONDS
)
DERIVE_WAITING = Gauge(
    "mediakiln_derive_waiting",
    "Images that wait to be made.",
    ["lane"],
    multiprocess_mode="livesum",
)
FREE_BYTES = Gauge(
    "mediakiln_store_free_bytes",
    "Free space of the store, where it ends.",
    multiprocess_mode="mostrecent",
)


def shared_registry(folder: Path) -> CollectorRegistry:
    """What every process that writes its metrics to `folder` has counted, in sum."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call] # has no types
    return registry
