"""The public JSON of uploads. Clients rely on it: fields are added, never changed."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mediakiln.model.upload import UploadState
from mediakiln.stages.uploads.labels import MAX_TAGS
from mediakiln.web.api.schemas import AssetOut, ProblemOut

MAX_PARTS_BYTES = 4 * 1024 * 1024
"""Of a list of parts: enough for 10,000 with every sum."""
MAX_URLS = 1000

Sha256 = Annotated[
    str, Field(pattern="^[0-9a-fA-F]{64}$", description="Of the part, in hexadecimal.")
]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class RefusedOut(_Answer):
    """A file that was not taken, or, without a name, what was wrong with the form itself."""

    name: str | None
    problem: ProblemOut


class SeveralOut(_Answer):
    """What became of the files of a form with more than one, in their order."""

    assets: list[AssetOut]
    refused: list[RefusedOut]


class UploadIn(_Asked):
    """A file that is to be sent in parts."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"filename": "film.mp4", "size": 4_831_838_208}]},
    )

    filename: str = Field(description="The file's name.")
    size: int = Field(strict=True, description="The file's bytes.")
    part_size: int | None = Field(
        None,
        strict=True,
        ge=1,
        description="Bytes of every part but the last; chosen by the server if absent.",
    )
    recipe: str | dict[str, Any] | None = Field(
        None, description="A preset's name, or a recipe; without one the kind's default runs."
    )
    uploader: str | None = Field(None, description="Who uploads.")
    tags: list[str] = Field(default_factory=list, max_length=MAX_TAGS)
    type: str | None = Field(
        None,
        max_length=200,
        pattern=r"^[\x20-\x7e]*$",
        description="The media type, if it is known.",
    )
    presign: int = Field(
        0, ge=0, le=MAX_URLS, description="For so many parts, answer with addresses in the store."
    )

    @field_validator("tags")
    @classmethod
    def _no_commas(cls, tags: list[str]) -> list[str]:
        if any("," in tag for tag in tags):
            raise ValueError("a tag holds no comma")
        return tags


class PartUrlOut(_Answer):
    """Where to PUT a part straight to the store."""

    number: int
    url: str
    size: int = Field(description="The bytes that the part must have.")
    expires_at: datetime


class UploadOut(_Answer):
    """An upload in progress. The asset will have its `id`."""

    id: str
    protocol: Literal["multipart", "tus", "s3", "direct"]
    state: UploadState
    name: str
    size: int | None
    part_size: int | None = Field(description="Bytes of every part but the last.")
    parts: int | None = Field(description="How many parts the file has.")
    offset: int = Field(description="Bytes that are there, where they come in one stream.")
    uploader: str
    tags: list[str]
    created_at: datetime
    expires_at: datetime = Field(description="When it is given up, unless parts go on coming.")
    url: str
    asset_url: str | None = Field(description="Its asset, once it is complete.")
    urls: list[PartUrlOut] = Field(default_factory=list, description="As asked for by `presign`.")


class UploadDetailOut(UploadOut):
    """An upload in progress, and how much of it is there."""

    parts_received: int
    bytes_received: int


class UploadPage(_Answer):
    """Some uploads in progress, oldest first."""

    uploads: list[UploadOut]
    cursor: str | None


class PartOut(_Answer):
    """A part that is kept."""

    number: int
    size: int
    etag: str


class PartPage(_Answer):
    """Some parts, by number."""

    parts: list[PartOut]
    cursor: str | None


class PartIn(_Asked):
    """A part as the client knows it."""

    number: int = Field(ge=1)
    etag: str | None = Field(None, max_length=200)
    size: int | None = Field(None, ge=0)
    sha256: Sha256 | None = None


class CompleteIn(_Asked):
    """The parts of the file; nothing, or no list, accepts those that are there."""

    parts: list[PartIn] | None = None
