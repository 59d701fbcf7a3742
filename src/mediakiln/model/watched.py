"""What an operator says of a folder whose files are taken in."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

WATCHED: Final = "watched"
"""The catalog's space of files that were taken from watched folders; keys are `{project}/{mark}`,
where the mark tells a file apart."""


class After(StrEnum):
    """What becomes of a watched file once it is taken in."""

    KEEP = "keep"
    MOVE = "move"
    """It goes to `done/`, and one that is refused to `failed/`."""
    DELETE = "delete"


class WatchedFolder(BaseModel):
    """A folder, and what its files are taken in as."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(description="The folder, an absolute path.")
    project: str = Field(
        default="default", description="Whose assets they become.", pattern=r"^[a-z0-9][a-z0-9-]*$"
    )
    recipe: str | None = Field(default=None, description="A preset's name.")
    uploader: str = Field(default="", description="Whose files they are.", max_length=200)
    tags: tuple[str, ...] = Field((), description="Tags to give them.", max_length=50)
    after: After = Field(After.KEEP, description="What becomes of a file that is taken in.")

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        if not path.is_absolute() or ".." in path.parts:
            raise ValueError("a watched folder is an absolute path")
        return path
