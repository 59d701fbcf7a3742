"""Objects that others put into the input bucket under keys of their own, and the rules for them."""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mediakiln.model.keys import parse_input_key

Told = Literal["name", "recipe", "uploader", "tags"]
_MARK = "mediakiln-drop"


class Drop(BaseModel):
    """What becomes of objects whose key begins with `prefix`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str = Field(min_length=1, max_length=500, description="Of the key, as `drop/team-a/`.")
    project: str = Field("default", description="The project its assets belong to.")
    recipe: str | None = Field(None, description="A preset; none: the default of the file's kind.")
    uploader: str = Field("", max_length=200, description="Who is named as the uploader.")
    tags: tuple[str, ...] = Field((), max_length=50, description="Tags of every asset.")
    override: frozenset[Told] = Field(
        frozenset({"name", "recipe", "uploader", "tags"}),
        description="What an object's own metadata or tags may say instead.",
    )

    @field_validator("prefix")
    @classmethod
    def _is_relative(cls, prefix: str) -> str:
        if prefix.startswith(("/", ".")) or "//" in prefix:
            raise ValueError("a prefix begins with neither a slash nor a dot, and has no `//`")
        return prefix


def rule_of(drops: Iterable[Drop], key: str) -> Drop | None:
    """The rule with the longest prefix of a key."""
    return max(
        (drop for drop in drops if key.startswith(drop.prefix)),
        key=lambda drop: len(drop.prefix),
        default=None,
    )


def dropped_id(key: str, *, etag: str, version: str | None, modified: datetime) -> str:
    """The id of the asset that an object is, a UUID of version 8 (RFC 9562, section 5.8).

    The same for every notification of one write, and another for the next write to the key.
    """
    written = version or f"{etag} {int(modified.timestamp())}"
    digest = hashlib.sha256(f"{_MARK}\n{key}\n{written}".encode()).digest()
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76
    return str(uuid.UUID(int=number & ~(0b11 << 62) | 0b10 << 62))


def is_dropped(asset: str, key: str) -> bool:
    """Whether an asset's source lies under a key that is not of this platform's making."""
    parsed = parse_input_key(key)
    return parsed is None or parsed[1] != asset
