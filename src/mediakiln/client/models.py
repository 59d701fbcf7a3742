"""What the server tells, as frozen objects. Fields that a newer server adds are left out."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from mediakiln.model.kind import AssetState, Kind, StepState


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Reason(_View):
    """Why an asset or a step did not succeed."""

    code: str
    message: str
    step: str | None = None


class Product(_View):
    """One file that a step made."""

    name: str
    op: str
    media_type: str
    bytes: int
    checksum: str
    url: str
    metadata: dict[str, Any]


class Step(_View):
    """One step of the current run."""

    name: str
    state: StepState
    seconds: float | None
    error: Reason | None


class Asset(_View):
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


class AssetPage(_View):
    """Some assets, and the cursor of the next page."""

    assets: tuple[Asset, ...]
    cursor: str | None


class DeadLetter(_View):
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


class DeadLetterPage(_View):
    """Some dead letters, and the cursor of the next page."""

    letters: tuple[DeadLetter, ...]
    cursor: str | None
