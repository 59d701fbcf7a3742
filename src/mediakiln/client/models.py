"""What the server tells, as frozen objects. Fields that a newer server adds are left out."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.access import Quota, Scope
from mediakiln.model.kind import AssetState, Kind, StepState


class View(BaseModel):
    """What the server said, frozen."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Reason(View):
    """Why an asset or a step did not succeed."""

    code: str
    message: str
    step: str | None = None


class Product(View):
    """One file that a step made."""

    name: str
    op: str
    media_type: str
    bytes: int
    checksum: str
    url: str
    metadata: dict[str, Any]


class Step(View):
    """One step of the current run."""

    name: str
    state: StepState
    seconds: float | None
    error: Reason | None
    srcset: str | None = None


class Asset(View):
    """One upload, as it was when the server answered."""

    id: str
    project: str
    uploader: str
    name: str
    tags: tuple[str, ...]
    state: AssetState
    run: int
    kind: Kind | None
    media_type: str | None
    bytes: int
    checksum: str | None
    url: str
    recipe: dict[str, Any]
    metadata: dict[str, Any]
    """What its content told; of an image its `width` and `height`, upright, and `orientation`."""
    products: tuple[Product, ...]
    steps: tuple[Step, ...]
    error: Reason | None
    created_at: datetime
    turnaround_s: float | None

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to it in this run."""
        return self.state.terminal or self.state is AssetState.DELETING

    def product(self, name: str) -> Product:
        """The product of that name.

        Raises:
            KeyError: there is none (yet).
        """
        for product in self.products:
            if product.name == name:
                return product
        raise KeyError(name)


class DeadLetter(View):
    """A message nobody could handle."""

    id: str
    topic: str
    group: str
    reason: str
    attempts: int
    project: str
    key: str
    message_id: str
    body_b64: str
    buried_at: datetime


class PendingUpload(View):
    """An upload that is not an asset yet; the asset will have its `id`."""

    id: str
    state: str
    """`open`, `completing` or `done`."""
    protocol: str
    """`multipart`, or another way of sending: only the former can be resumed here."""
    name: str
    size: int | None
    part_size: int | None
    """Bytes of every part but the last."""
    expires_at: datetime


class UploadPart(View):
    """A part that the server keeps."""

    number: int
    size: int
    etag: str


class ApiKey(View):
    """A key without its secret; it stands visibly in the key: `mk_<id>_…`."""

    id: str
    name: str
    project: str
    scopes: tuple[Scope, ...]
    uploader: str | None
    rate: str | None = None
    quota: Quota | None = None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewApiKey(ApiKey):
    """A key with its secret, which is shown this once."""

    key: str = Field(repr=False)


class Project(View):
    """A tenant."""

    name: str
    created_at: datetime | None
    created_by: str | None


class Erasure(View):
    """The erasing of everything of one uploader; `uploader` is empty once it is done."""

    id: str
    project: str
    uploader: str
    state: str
    assets: int
    created_at: datetime
    completed_at: datetime | None


class UploadToken(View):
    """Leave to upload within limits; shown this once."""

    token: str = Field(repr=False)
    expires_at: datetime


class AuditEntry(View):
    """Something that was done, or refused."""

    id: str
    at: datetime
    project: str
    who: str
    what: str
    subject: str
    address: str
    request: str
    detail: dict[str, Any]


class Import(View):
    """Files that the server fetches by itself, and how far it is."""

    id: str
    project: str
    state: str
    """`listing`, `running`, `done`, `failed` or `cancelled`."""
    source: str | None
    prefix: str
    total: int
    done: int
    failed: int
    skipped: int
    bytes: int
    uploader: str
    tags: tuple[str, ...]
    error: Reason | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in {"done", "failed", "cancelled"}


class ImportItem(View):
    """What became of one file of an import."""

    number: int
    source: str
    state: str
    """`pending`, `done`, `failed` or `skipped`."""
    asset: str | None
    bytes: int
    error: Reason | None


class Webhook(View):
    """An address that is told of the project's assets."""

    id: str
    url: str
    events: tuple[str, ...]
    enabled: bool
    disabled: str | None
    failing_since: datetime | None
    created_at: datetime
    by: str


class NewWebhook(Webhook):
    """A webhook with what its news are signed with, which is shown this once."""

    secret: str = Field(repr=False)


class AssetEvent(View):
    """An asset came into another state."""

    event: str
    """Its place in the order of events."""
    id: str
    project: str
    state: AssetState
    run: int
    kind: Kind | None
    media_type: str | None
    name: str
    uploader: str
    bytes: int
    error: Reason | None
    at: datetime
