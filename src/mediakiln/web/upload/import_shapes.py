"""The JSON of imports."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.imports import Import, ImportState, ItemState
from mediakiln.stages.importing.manifest import MAX_TAG_CHARS, MAX_TAGS, MAX_UPLOADER_CHARS
from mediakiln.web.api.schemas import ErrorOut

MAX_LISTED: Final = 10_000

Tag = Annotated[str, Field(min_length=1, max_length=MAX_TAG_CHARS)]


class Common(BaseModel):
    """What is said of all files of an import; a manifest's lines may say otherwise."""

    model_config = ConfigDict(extra="forbid")

    recipe: str | dict[str, Any] | None = Field(None, description="A preset's name, or a recipe.")
    tags: tuple[Tag, ...] = Field((), max_length=MAX_TAGS, description="Tags of every asset.")
    uploader: str = Field("", max_length=MAX_UPLOADER_CHARS, description="Whose files they are.")


class ImportIn(Common):
    """What to import: one of `url`, `urls`, `items` and `source`."""

    url: str | None = Field(None, description="One file's address.")
    urls: tuple[str, ...] | None = Field(
        None, max_length=MAX_LISTED, description="Several; more than 10,000 go into a manifest."
    )
    items: tuple[dict[str, Any], ...] | None = Field(
        None,
        max_length=MAX_LISTED,
        description="Several, each an object with `url`, `name`, `recipe`, `tags`, `uploader`.",
    )
    source: str | None = Field(None, description="A place that the operator has named.")
    prefix: str = Field("", description="Of the keys in that place; none: all.")

    def entries(self) -> tuple[Any, ...] | None:
        """The list of files; None where a place is to be listed.

        Raises:
            InvalidRequest: not exactly one of the four is given.
        """
        ways = {"url": self.url, "urls": self.urls, "items": self.items, "source": self.source}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) != 1:
            raise InvalidRequest("give one of url, urls, items and source", value=given)
        if self.source is not None:
            return None
        return (self.url,) if self.url is not None else self.urls or self.items or ()


class ImportOut(BaseModel):
    """An import as it is now."""

    id: str
    project: str
    state: ImportState
    source: str | None = Field(description="The place, for imports of one.")
    prefix: str
    total: int = Field(description="Files that are known; all of them unless `listing`.")
    done: int
    failed: int
    skipped: int
    bytes: int = Field(description="That were taken in.")
    uploader: str
    tags: tuple[str, ...]
    error: ErrorOut | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class ImportPage(BaseModel):
    """Some imports, oldest first."""

    imports: list[ImportOut]
    cursor: str | None


class ItemOut(BaseModel):
    """What became of one file."""

    number: int = Field(description="Its place in the list, or its line.")
    source: str = Field(description="Its URL, or its key in the place.")
    state: ItemState
    asset: str | None
    bytes: int
    error: ErrorOut | None


class ItemPage(BaseModel):
    """Some items of an import, in order."""

    items: list[ItemOut]
    cursor: str | None


def view(job: Import) -> ImportOut:
    """An import as clients see it."""
    return ImportOut(
        id=job.id,
        project=job.project,
        state=job.state,
        source=job.source.place,
        prefix=job.source.prefix,
        total=job.total,
        **job.counts.model_dump(),
        uploader=job.uploader,
        tags=job.tags,
        error=None if job.error is None else ErrorOut(**job.error.model_dump()),
        created_at=job.created_at,
        updated_at=job.updated_at,
        finished_at=job.finished_at,
    )
