"""What is known of an upload before it has become an asset."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, Self

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


Protocol = Literal["multipart", "tus", "s3", "direct"]
"""The doors that keep a record of what comes by them."""


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
    protocol: Protocol
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
        return Offer(**_offered(self))

    @classmethod
    def of(
        cls,
        offer: Offer,
        *,
        id: str,
        protocol: Protocol,
        key: str,
        by: str,
        created_at: datetime,
        expires_at: datetime,
        token: str | None = None,
        part_size: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Self:
        """The record of an upload that begins, with all that its uploader said of it."""
        return cls(
            **_offered(offer),
            id=id,
            protocol=protocol,
            key=key,
            by=by,
            created_at=created_at,
            expires_at=expires_at,
            token=token,
            part_size=part_size,
            extra={} if extra is None else extra,
        )


def _offered(source: Offer | Upload) -> dict[str, Any]:
    """An offer's fields, which a record has by the same names."""
    return {field.name: getattr(source, field.name) for field in fields(Offer)}
