"""What operations make (`Product`), and the manifests that commit it to the store."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Product(BaseModel):
    """One file an operation made, as the operation yields it: a path below its `out` folder."""

    model_config = ConfigDict(frozen=True)

    file: str = Field(description="Path relative to the step's folder, with forward slashes.")
    media_type: str
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="Facts about the file, such as width; a few kB at most."
    )


class StoredFile(BaseModel):
    """A product once its bytes are in the production bucket."""

    model_config = ConfigDict(frozen=True)

    file: str
    media_type: str
    bytes: int = Field(ge=0)
    checksum: str = Field(description="`blake3:` and 64 hexadecimal digits.")
    key: str = Field(description="Its key in the production bucket.")
    archive_key: str | None = Field(default=None, description="Its key in the archive bucket.")
    metadata: dict[str, Any] = Field(default_factory=dict)


class Lineage(BaseModel):
    """Where a step's products came from: enough to make them again."""

    model_config = ConfigDict(frozen=True)

    source: str = Field(description="The upload's checksum, or its key and version.")
    parent: str | None = Field(default=None, description="The parent step's product key and file.")
    operation: str
    version: int = Field(description="The operation's version.")
    params: dict[str, Any] = Field(description="Canonical parameters, defaults included.")
    inputs: dict[str, str] = Field(
        default_factory=dict, description="Other assets that were read, each with its checksum."
    )
    models: dict[str, str] = Field(
        default_factory=dict,
        description="The operator's models that could be asked, each with its checksum, or with "
        "the service and its options.",
    )
    tools: dict[str, str] = Field(default_factory=dict, description="Library or program to version")
    reused_from: str | None = Field(
        default=None, description="The asset whose products were copied instead of made again."
    )


class Manifest(BaseModel):
    """The commit record of one step of one run: written once, by put-if-absent, never changed."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = 1
    project: str
    asset: str
    run: int
    attempt: int
    step: str
    product_key: str
    files: tuple[StoredFile, ...]
    lineage: Lineage
    seconds: float = Field(description="Wall-clock seconds the operation ran.")
    created_at: datetime

    def encode(self) -> bytes:
        """The manifest object's bytes."""
        return self.model_dump_json(exclude_none=True).encode()

    @property
    def total_bytes(self) -> int:
        """The sum of the files' sizes."""
        return sum(file.bytes for file in self.files)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def product_key(
    *, project: str, source: str, operation: str, version: int, params: Mapping[str, Any]
) -> str:
    """Name the result of an operation on an input: 64 hexadecimal digits.

    `source` is the upload's checksum, or `{parent product key}/{file}` for a step that works
    on another step's product. The project is part of it: results are never shared across
    projects, not even by timing.
    """
    parts = [project, source, operation, version, dict(params)]
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()
