"""The record of one uploaded file. It stays under 64 KiB: long file lists live in manifests."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.errors import MediakilnError
from mediakiln.model.keys import manifest_key
from mediakiln.model.kind import AssetState, Kind, StepState
from mediakiln.model.product import Manifest, StoredFile
from mediakiln.model.recipe import Recipe

MAX_RECORD_BYTES = 64 * 1024
INLINE_FILES_BYTES = 12 * 1024
"""What the inlined file lists of all steps of a run may take of a record."""
MAX_PROBLEM_BYTES = 1000
"""What the words of one error may take of a record or message, as JSON in ASCII."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Problem(_Frozen):
    """Why an asset or a step did not succeed."""

    code: str
    message: str
    step: str | None = None

    @classmethod
    def of(cls, error: MediakilnError, step: str | None = None) -> "Problem":
        """An error as records and messages keep it, with what to do about it.

        Without `step`, the step is the one that the error names itself.
        """
        named, hint = error.context.get("step"), error.context.get("hint")
        words = f"{error.message}; {hint}" if hint else error.message
        return cls(
            code=error.code,
            message=clipped(words, MAX_PROBLEM_BYTES),
            step=step or (named if isinstance(named, str) else None),
        )


class Source(_Frozen):
    """Which object holds the upload: a presigned URL can overwrite a key, so the version counts."""

    key: str
    etag: str | None = None
    version: str | None = None


class StepRecord(_Frozen):
    """One step of the current run, as far as it is known."""

    state: StepState = StepState.PENDING
    seconds: float | None = None
    error: Problem | None = None


class StepProducts(_Frozen):
    """A committed step: where its manifest is, and its files while they are few."""

    op: str
    manifest: str = Field(description="The manifest's key in the production bucket.")
    digest: str = Field(description="SHA-256 of the manifest's bytes, hexadecimal.")
    run: int
    attempt: int
    made_on: date = Field(description="The day under which its archive copies are.")
    count: int
    total_bytes: int
    files: tuple[StoredFile, ...] | None = Field(
        default=None, description="The manifest's files; None when they are too many to inline."
    )

    @classmethod
    def of(cls, manifest: Manifest, *, steps: int) -> "StepProducts":
        """What a record keeps of a manifest; `steps` share the room for inlined file lists."""
        listed = sum(len(json.dumps(file.model_dump(mode="json"))) for file in manifest.files)
        return cls(
            op=manifest.lineage.operation,
            manifest=manifest_key(manifest.project, manifest.asset, manifest.step, manifest.run),
            digest=hashlib.sha256(manifest.encode()).hexdigest(),
            run=manifest.run,
            attempt=manifest.attempt,
            made_on=manifest.created_at.date(),
            count=len(manifest.files),
            total_bytes=manifest.total_bytes,
            files=manifest.files if listed <= INLINE_FILES_BYTES // max(1, steps) else None,
        )


class Claim(_Frozen):
    """A worker's lease on the current run."""

    owner: str
    attempt: int
    expires_at: datetime


class RunEnd(_Frozen):
    """What `finished` said of the run: kept until every expected `stored` is joined."""

    attempt: int
    expected: dict[str, str] = Field(description="Step name to manifest digest, for steps done.")
    seconds: float


class Asset(_Frozen):
    """Everything mediakiln knows about one upload.

    `version` counts the record's writes and is the token of every conditional update.
    `published` are the products of the last completed run; `arrived` those of the current one.
    `due_at` is when `reconcile` should look at the record if nobody has by then; None when
    nothing is to be expected.
    """

    id: str
    project: str = "default"
    uploader: str = ""
    name: str
    tags: tuple[str, ...] = ()
    state: AssetState = AssetState.RECEIVED
    run: int = 1
    kind: Kind | None = None
    media_type: str | None = None
    declared_type: str | None = None
    bytes: int
    checksum: str | None = None
    source: Source
    recipe: Recipe | None = None
    heavy: bool = Field(default=False, description="The run's job takes the slow lane.")
    metadata: dict[str, Any] = Field(default_factory=dict)
    steps: dict[str, StepRecord] = Field(default_factory=dict)
    arrived: dict[str, StepProducts] = Field(default_factory=dict)
    published: dict[str, StepProducts] = Field(default_factory=dict)
    end: RunEnd | None = None
    error: Problem | None = None
    claim: Claim | None = None
    attempts: int = Field(
        default=0, description="Starts of this run; the number is never used twice."
    )
    excused: int = Field(
        default=0,
        description="Those of them that an engine or a shutdown ended: they do not count.",
    )
    kills: dict[str, int] = Field(default_factory=dict, description="Step name to sandbox kills.")
    stalls: int = Field(
        default=0, description="How often `reconcile` set this run going again; it gives up once."
    )
    created_at: datetime
    run_started_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    due_at: datetime | None = None
    deleted_at: datetime | None = None
    purged: bool = False
    epoch: int = Field(
        default=0, description="How often what was derived on request has been purged."
    )
    version: int = 0
    mutation_id: str | None = None

    @property
    def counted_attempts(self) -> int:
        """Starts of this run that count against the limit, the current one included."""
        return self.attempts - self.excused

    @property
    def turnaround_s(self) -> float | None:
        """Seconds from the start of the current run to its end; None while it runs."""
        if self.completed_at is None:
            return None
        return max(0.0, (self.completed_at - self.run_started_at).total_seconds())

    def replaced(self, etag: str) -> bool:
        """Whether the upload's object, now of this ETag, is not the one that was taken in.

        What came through this platform has a checksum and a key nobody else can write to, and
        its ETag changes when the store is moved; so only that of other uploads counts.
        """
        return self.checksum is None and self.source.etag not in {None, etag}

    @property
    def visible(self) -> Mapping[str, StepProducts]:
        """The products clients see: the last completed run's, or the first run's as they come."""
        if self.run == 1 and not self.state.terminal:
            return {**self.published, **self.arrived}
        return self.published


def clipped(text: str, limit: int) -> str:
    """The beginning of a text that takes at most about `limit` bytes as JSON in ASCII."""
    plain = text.encode(errors="replace").decode()
    while len(json.dumps(plain)) > limit:
        plain = plain[: min(limit, len(plain) * 3 // 4)]
    return plain
