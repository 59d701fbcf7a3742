"""Messages between stages: structured CloudEvents 1.0 (JSON), at most 64 KiB each.

`schemaversion` is an extension attribute; a release reads its own version and the one before.
"""

import json
from datetime import UTC, datetime
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mediakiln.model.asset import Problem, StepProducts
from mediakiln.model.errors import LimitExceeded, UnreadableMessage
from mediakiln.model.ids import new_id
from mediakiln.model.kind import AssetState, Kind, StepState

SCHEMA_VERSION = 1
MAX_MESSAGE_BYTES = 64 * 1024
SOURCE = "/mediakiln"
_TYPE_PREFIX = "mediakiln."


class Message(BaseModel):
    """What a broker carries: opaque bytes with an id, a key and the project whose share it uses.

    `key` is the asset's id: brokers with partitions keep one asset's messages together.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    key: str
    project: str = "default"
    body: bytes


class Event(BaseModel):
    """The common part of every event: which asset, project and run it speaks of."""

    model_config = ConfigDict(frozen=True)

    type: ClassVar[str]
    topic: ClassVar[str]

    asset: str
    project: str = "default"
    run: int = 1

    def to_message(self, *, id: str | None = None) -> Message:
        """Encode as a structured CloudEvent.

        Raises:
            LimitExceeded: the encoded event is larger than 64 KiB.
        """
        message_id = id or new_id()
        envelope = {
            "specversion": "1.0",
            "id": message_id,
            "source": SOURCE,
            "type": _TYPE_PREFIX + self.type,
            "subject": self.asset,
            "time": datetime.now(UTC).isoformat(),
            "datacontenttype": "application/json",
            "schemaversion": SCHEMA_VERSION,
            "project": self.project,
            "data": self.model_dump(mode="json", exclude_none=True),
        }
        body = json.dumps(envelope, separators=(",", ":")).encode()
        if len(body) > MAX_MESSAGE_BYTES:
            raise LimitExceeded(
                f"a {self.type} message of {len(body)} bytes exceeds {MAX_MESSAGE_BYTES}",
                limit=MAX_MESSAGE_BYTES,
                value=len(body),
            )
        return Message(id=message_id, key=self.asset, project=self.project, body=body)

    @classmethod
    def of(cls, message: Message) -> Self:
        """Decode a message of this type.

        Raises:
            UnreadableMessage: not JSON, another type, or a schema version this release cannot read.
        """
        try:
            envelope = json.loads(message.body)
            kind, version = envelope["type"], envelope["schemaversion"]
            data = envelope["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableMessage(f"not a structured CloudEvent: {error}") from None
        if kind != _TYPE_PREFIX + cls.type:
            raise UnreadableMessage(f"a {kind!r} message where {cls.type!r} was expected")
        if version not in {SCHEMA_VERSION, SCHEMA_VERSION - 1}:
            raise UnreadableMessage(f"schema version {version!r}; this release reads up to 1")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise UnreadableMessage(f"its data do not fit: {error.errors()[0]['msg']}") from None


class ObjectCreated(Event):
    """An object appeared in the input bucket by a way that did not create its record."""

    type: ClassVar[str] = "object-created"
    topic: ClassVar[str] = "objects"

    key: str
    bytes: int
    etag: str | None = None
    version: str | None = None


class ImportWork(Event):
    """Part of an import is to be done; `asset` is the import's id.

    `step` is `list` (go on listing its place), `walk` (send the pages from `page` on to the
    workers) or `page` (take in that page's files). Work of another `round` is out of date.
    """

    type: ClassVar[str] = "import-work"
    topic: ClassVar[str] = "imports"

    step: Literal["list", "walk", "page"]
    round: int = 1
    page: int = 0


class Received(Event):
    """The upload is durable and its record exists: it can be classified."""

    type: ClassVar[str] = "received"
    topic: ClassVar[str] = "received"


class Job(Event):
    """The current run's work is to be done by a worker of this kind."""

    type: ClassVar[str] = "job"
    topic: ClassVar[str] = "jobs"

    kind: Kind
    heavy: bool = False

    @property
    def destination(self) -> str:
        """The job's topic: one per kind, and a second lane for work that would hold others up."""
        return jobs_topic(self.kind, heavy=self.heavy)


class Stored(Event):
    """A step's products are committed in the store."""

    type: ClassVar[str] = "stored"
    topic: ClassVar[str] = "stored"

    attempt: int
    step: str
    products: StepProducts
    seconds: float


class StepOutcome(BaseModel):
    """How a step ended, as the attempt that finished the run saw it."""

    model_config = ConfigDict(frozen=True)

    state: StepState
    digest: str | None = Field(default=None, description="Its manifest's digest, if done.")
    seconds: float | None = None
    error: Problem | None = None


class Finished(Event):
    """An attempt carried the run to its end; the record completes when every `stored` is there."""

    type: ClassVar[str] = "finished"
    topic: ClassVar[str] = "finished"

    attempt: int
    steps: dict[str, StepOutcome]
    seconds: float
    error: Problem | None = None


class Completed(Event):
    """The run reached its one terminal state."""

    type: ClassVar[str] = "completed"
    topic: ClassVar[str] = "completed"

    state: AssetState
    kind: Kind | None = None
    media_type: str | None = None
    name: str = ""
    uploader: str = ""
    bytes: int = 0
    products: int = 0
    product_bytes: int = 0
    turnaround_s: float | None = None
    error: Problem | None = None


class Changed(Event):
    """A record changed: the stream that statistics and live views are made of."""

    type: ClassVar[str] = "changed"
    topic: ClassVar[str] = "changes"

    version: int
    state: AssetState
    kind: Kind | None = None
    bytes: int = 0
    uploader: str = ""


def jobs_topic(kind: Kind, *, heavy: bool = False) -> str:
    """`jobs.{kind}`, or `jobs.{kind}.heavy` for the slow lane."""
    return f"jobs.{kind}.heavy" if heavy else f"jobs.{kind}"
