"""What several roles are built of, from the settings."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from mediakiln.model.access import Quota
from mediakiln.model.errors import EngineMisconfigured, InvalidRecipe
from mediakiln.model.messages import jobs_topic
from mediakiln.operations.custom.config import read_commands
from mediakiln.operations.image.provenance.signer import read_signer
from mediakiln.ports.object_store import LocalFiles
from mediakiln.ports.operation import OperationSet
from mediakiln.roles import models
from mediakiln.roles.consumer import Policy
from mediakiln.roles.engines import (
    Engines,
    open_detector,
    open_notifiers,
    open_webhook,
    read_table,
)
from mediakiln.roles.settings import Settings
from mediakiln.stages.access.projects import Projects
from mediakiln.stages.access.usage import Usage
from mediakiln.stages.admission import Admission
from mediakiln.stages.ledger import Ledger
from mediakiln.stages.notify import Deliveries, Hooks
from mediakiln.stages.receive import Receive
from mediakiln.stages.recipes import RecipeBook
from mediakiln.stages.search import Index
from mediakiln.stages.uploads.adoption import Adoption
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.direct import Direct
from mediakiln.stages.uploads.multipart import MultipartUploads
from mediakiln.stages.uploads.s3.stage import S3Uploads
from mediakiln.stages.uploads.sweep import UploadSweep
from mediakiln.stages.uploads.tus import TusLimits, TusUploads


def ledger(settings: Settings, engines: Engines) -> Ledger:
    """The writer of records."""
    made = Ledger(
        engines.catalog,
        engines.broker,
        stall_after=timedelta(seconds=settings.stall_s),
        announce=bool(settings.changes) or settings.changes_captured,
        captured=settings.captured,
    )
    engines.before_close.append(made.drain)
    return made


def index(settings: Settings, engines: Engines) -> Index:
    """The writer of the search index."""
    return Index(engines.catalog, engines.store, names=settings.search_names)


def recipe_book(settings: Settings) -> RecipeBook:
    """The built-in presets and the operator's.

    Raises:
        EngineMisconfigured: the operator's file cannot be read, or holds a recipe that is wrong.
    """
    presets = read_table(settings.recipes, "RECIPES")
    try:
        return RecipeBook(
            OperationSet.installed(),
            presets,
            commands=commands(settings),
            models=models.names(settings),
        )
    except InvalidRecipe as error:
        said = f"MEDIAKILN_RECIPES: {settings.recipes}: {error.message}"
        raise EngineMisconfigured(said, **error.context) from None


def commands(settings: Settings) -> Mapping[str, Any]:
    """The operator's commands for `custom.command`, checked."""
    table = read_table(settings.commands, "COMMANDS")
    read_commands(table)
    return table


def credentials(settings: Settings) -> Mapping[str, Any]:
    """The operator's certificate and key for `image.credentials`, checked."""
    return read_signer(
        settings.credentials_certificate,
        settings.credentials_key,
        settings.credentials_algorithm,
        settings.credentials_anchors,
    )


def receive(settings: Settings, engines: Engines) -> Receive:
    """The stage that takes uploads in."""
    return Receive(
        engines.store,
        ledger(settings, engines),
        open_detector(settings),
        max_bytes=settings.max_upload_bytes,
        reserve_bytes=settings.reserve_bytes,
        admission=Admission(
            engines.broker,
            [("received", "classify"), *((topic, "process") for topic in job_topics(settings))],
            max_age_s=settings.max_backlog_age_s,
            max_waiting=settings.max_backlog,
        ),
        count=Usage(engines.catalog).add,
    )


def quota(settings: Settings) -> Quota | None:
    """What a key without a quota of its own may put in."""
    if settings.quota_files is None and settings.quota_bytes is None:
        return None
    return Quota(files=settings.quota_files, bytes=settings.quota_bytes)


def adoption(settings: Settings, engines: Engines) -> Adoption:
    """What makes assets of objects that came straight to the bucket."""
    return Adoption(
        engines.store,
        ledger(settings, engines),
        receive(settings, engines).enter,
        recipe_book(settings).resolve,
        drops=settings.drops,
    )


def direct(settings: Settings, engines: Engines) -> Direct:
    """The door by which clients send files to the store itself."""
    return Direct(
        engines.store,
        UploadBook(engines.catalog),
        receive(settings, engines).admit,
        adoption(settings, engines),
        life=timedelta(seconds=settings.direct_expiry_s),
    )


def multipart(settings: Settings, engines: Engines) -> MultipartUploads:
    """The door by which files come in parts."""
    return MultipartUploads(
        UploadBook(engines.catalog),
        receive(settings, engines),
        engines.store,
        engines.catalog,
        expiry=timedelta(seconds=settings.upload_expiry_s),
        max_bytes=settings.max_file_bytes,
    )


def tus(settings: Settings, engines: Engines) -> TusUploads:
    """The door of resumable uploads."""
    return TusUploads(
        engines.store,
        engines.catalog,
        UploadBook(engines.catalog),
        receive(settings, engines),
        limits=TusLimits(max_bytes=settings.max_file_bytes, expiry_s=settings.upload_expiry_s),
    )


def s3(settings: Settings, engines: Engines) -> S3Uploads:
    """The door that speaks S3."""
    return S3Uploads(
        UploadBook(engines.catalog),
        receive(settings, engines),
        engines.store,
        engines.catalog,
        expiry=timedelta(seconds=settings.upload_expiry_s),
        max_bytes=settings.max_file_bytes,
    )


def upload_sweep(settings: Settings, engines: Engines) -> UploadSweep:
    """What frees the space of uploads that nobody goes on with, by the door they came by."""
    return UploadSweep(
        UploadBook(engines.catalog),
        {
            "multipart": multipart(settings, engines),
            "tus": tus(settings, engines),
            "direct": direct(settings, engines),
            "s3": s3(settings, engines),
        },
    )


def project_names(engines: Engines) -> Callable[[], Awaitable[Sequence[str]]]:
    """Asks for the names of all projects."""
    projects = Projects(engines.catalog)

    async def names() -> Sequence[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page, cursor = await projects.list(cursor=cursor)
            found += [project.name for project in page]
            if cursor is None:
                return found

    return names


def deliveries(settings: Settings, engines: Engines) -> Deliveries:
    """What tells the outside, and its log."""
    made = Deliveries(
        engines.catalog,
        open_notifiers(settings),
        Hooks(
            engines.catalog,
            partial(open_webhook, settings),
            failing=timedelta(days=settings.webhook_failing_days),
        ),
    )
    engines.before_close.append(made.close)
    return made


def policy(settings: Settings, *, concurrency: int = 8, max_attempts: int = 8) -> Policy:
    """How consumers deal with time and failure."""
    return Policy(
        concurrency=concurrency,
        lease_s=settings.lease_s,
        max_attempts=max_attempts,
        base_s=settings.retry_base_s,
    )


def scratch_root(settings: Settings, engines: Engines) -> Path:
    """Where children work: beside the store's objects if it can be, so products enter by link."""
    if isinstance(engines.store, LocalFiles):
        return engines.store.scratch_root()
    return settings.data / "scratch"


def job_topics(settings: Settings) -> Sequence[str]:
    """The job queues of the settings' kinds, both lanes."""
    return [jobs_topic(kind, heavy=heavy) for heavy in (False, True) for kind in settings.kinds]
