"""What the server tells, as frozen objects. Fields that a newer server adds are left out."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

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
