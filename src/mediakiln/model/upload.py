"""What is known of an upload before it has become an asset."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.access import UploadLimits
from mediakiln.model.recipe import Recipe

UPLOADS: Final = "uploads"
"""The catalog's space of uploads in progress; keys are `{project}/{id}`."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What is known of an upload before its bytes."""

    name: str
    project: str = "default"
    uploader: str = ""
    tags: tuple[str, ...] = ()
    recipe: Recipe | None = None
    declared_type: str | None = None
    size: int | None = None
    """The announced number of bytes, if announced."""
    counted: str = ""
    """The key whose quota the file counts against; empty: none."""
    limits: UploadLimits | None = None
    """What the upload's token allows; `Receive` holds the finished file to it."""


class UploadState(StrEnum):
    """How far an upload is."""

    OPEN = "open"
    COMPLETING = "completing"
    DONE = "done"


class Holder(BaseModel):
    """Who is writing, until when; another may take over after that."""

    model_config = ConfigDict(frozen=True)

    owner: str
    expires_at: datetime


class Upload(BaseModel):
    """One upload in progress. Its `id` becomes the asset's.

    Attributes:
        protocol: the door it came by.
        key: the input object it will be.
        token: the store's own name of the multipart upload, if the store has such.
        size: all bytes; None while that is not known.
        part_size: bytes of every part but the last, where the door numbers parts.
        offset: bytes that are durable, where the door appends.
        extra: what only the door itself needs.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    project: str
    protocol: Literal["multipart", "tus", "s3", "direct"]
    key: str
    token: str | None = None
    name: str
    uploader: str = ""
    tags: tuple[str, ...] = ()
    recipe: Recipe | None = None
    declared_type: str | None = None
    counted: str = ""
    limits: UploadLimits | None = None
    size: int | None = None
    part_size: int | None = None
    offset: int = 0
    state: UploadState = UploadState.OPEN
    holder: Holder | None = None
    by: str = Field(default="owner", description="The principal that opened it.")
    created_at: datetime
    expires_at: datetime
    extra: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def offer(self) -> Offer:
        """What its uploader said of it."""
        return Offer(
            name=self.name,
            project=self.project,
            uploader=self.uploader,
            tags=self.tags,
            recipe=self.recipe,
            declared_type=self.declared_type,
            size=self.size,
            counted=self.counted,
            limits=self.limits,
        )
