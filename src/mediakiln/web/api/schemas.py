"""The public JSON of every answer. Clients rely on it: fields are added, never changed."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.kind import AssetState, Kind, StepState

_EXAMPLE_ID = "01936f5e-7a3b-7c44-9d5e-3f1b2a6c8d90"
_EXAMPLE_URL = f"http://127.0.0.1:8420/v1/assets/{_EXAMPLE_ID}"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ProblemOut(_Answer):
    """A problem document (RFC 9457). Further members say more, such as `limit` and `hint`."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "/docs#too_large",
                "title": "Content Too Large",
                "status": 413,
                "detail": "the upload is larger than 104857600 bytes",
                "code": "too_large",
                "limit": 104857600,
                "value": 209715200,
            }
        },
    )

    type: str = Field(description="Where the code is explained.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What went wrong, for people.")
    code: str = Field(description="What went wrong, for programs; stable.")


class ErrorOut(_Answer):
    """Why an asset or a step did not succeed."""

    code: str
    message: str
    step: str | None = None


class ProductOut(_Answer):
    """One file that a step made."""

    name: str = Field(description="The step's name, or step/file where a step made several files.")
    op: str = Field(description="The operation that made it.")
    media_type: str
    bytes: int
    checksum: str = Field(description="`blake3:` and 64 hexadecimal digits.")
    url: str
    metadata: dict[str, Any]


class StepOut(_Answer):
    """One step of the current run."""

    name: str
    state: StepState
    seconds: float | None = Field(description="How long the operation ran.")
    error: ErrorOut | None
    srcset: str | None = Field(
        description="For the img element of HTML: every width that the step made, by its address. "
        "Null where the step did not make several."
    )


class AssetOut(_Answer):
    """Everything a client may know about one upload."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "example": {
                "id": _EXAMPLE_ID,
                "project": "default",
                "uploader": "ada",
                "name": "photo.jpg",
                "tags": ["holiday"],
                "state": "ready",
                "run": 1,
                "kind": "image",
                "media_type": "image/jpeg",
                "bytes": 3481206,
                "checksum": f"blake3:{'5f' * 32}",
                "url": f"{_EXAMPLE_URL}/original",
                "recipe": {"steps": {"thumb": {"op": "image.resize", "width": 320}}},
                "metadata": {"width": 4000, "height": 3000, "orientation": 1},
                "products": [
                    {
                        "name": "thumb",
                        "op": "image.resize",
                        "media_type": "image/webp",
                        "bytes": 18244,
                        "checksum": f"blake3:{'a0' * 32}",
                        "url": f"{_EXAMPLE_URL}/products/thumb",
                        "metadata": {"width": 320, "height": 240},
                    }
                ],
                "steps": [
                    {
                        "name": "thumb",
                        "state": "done",
                        "seconds": 0.1,
                        "error": None,
                        "srcset": None,
                    }
                ],
                "error": None,
                "created_at": "2026-01-05T09:30:00Z",
                "turnaround_s": 0.4,
            }
        },
    )

    id: str
    project: str
    uploader: str
    name: str = Field(description="The file's name, as uploaded.")
    tags: list[str]
    state: AssetState
    run: int = Field(description="Raised by every new processing of the same file.")
    kind: Kind | None
    media_type: str | None = Field(description="By content, whatever the name says.")
    bytes: int
    checksum: str | None
    url: str = Field(description="The upload as it came.")
    recipe: dict[str, Any] = Field(description="What was asked for; empty when nothing was.")
    metadata: dict[str, Any] = Field(
        description="What its content told when it was classified. Of an image: `width` and "
        "`height` in pixels, upright, and `orientation`, how its stored pixels lie (1 to 8 as "
        "EXIF has it), where the file says so. Where name or uploader called it something else: "
        "`disagreement`. More may be added."
    )
    products: list[ProductOut]
    steps: list[StepOut] = Field(description="In the recipe's order.")
    error: ErrorOut | None
    created_at: datetime
    turnaround_s: float | None = Field(description="Seconds from the run's start to its end.")


class AssetPage(_Answer):
    """Some assets, newest first."""

    assets: list[AssetOut]
    cursor: str | None = Field(description="Give it back to get the next page; null at the end.")


class RestoreOut(_Answer):
    """What `restore` did."""

    asset: AssetOut
    restored: int = Field(description="How many files came back from the archive.")


class OperationOut(_Answer):
    """An installed operation."""

    name: str
    kind: Kind | None = Field(description="The kind of file it works on; null for every kind.")
    summary: str
    version: int
    accepts: list[str] = Field(description="Media types, perhaps with wildcards.")
    produces: list[str]
    heavy: bool = Field(description="Runs in the slow lane.")
    parameters: dict[str, Any] = Field(description="JSON Schema of its parameters.")


class OperationList(_Answer):
    """Every installed operation."""

    operations: list[OperationOut]


class RecipeOut(_Answer):
    """A preset."""

    name: str
    version: int
    steps: dict[str, dict[str, Any]]


class RecipeList(_Answer):
    """Every preset."""

    recipes: list[RecipeOut]


class DeadLetterOut(_Answer):
    """A message nobody could handle, kept until somebody decides."""

    id: str
    topic: str
    group: str
    reason: str
    attempts: int
    project: str
    key: str = Field(description="The asset it speaks of.")
    message_id: str
    body_b64: str = Field(description="The message's bytes, base64.")
    buried_at: datetime


class DeadLetterPage(_Answer):
    """Some dead letters, oldest first."""

    letters: list[DeadLetterOut]
    cursor: str | None


class DeliveryPage(_Answer):
    """Attempts to tell somebody outside about an asset, in key order."""

    deliveries: list[dict[str, Any]]
    cursor: str | None


class Readiness(_Answer):
    """Whether every part works, and why not."""

    ready: bool
    checks: dict[str, str | None] = Field(description="Part to reason; null where it works.")


class ProcessIn(BaseModel):
    """What `process` takes: nothing (the same again), a recipe, or a preset's name."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"recipe": "image"},
                {"recipe": {"steps": {"small": {"op": "image.resize", "width": 200}}}},
                {"steps": {"small": {"op": "image.resize", "width": 200}}},
            ]
        },
    )

    recipe: str | dict[str, Any] | None = None
    steps: dict[str, dict[str, Any]] | None = None
