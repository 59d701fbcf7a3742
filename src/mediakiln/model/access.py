"""Who asks, and what they may do."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Scope(StrEnum):
    """What a key allows."""

    READ = "read"
    """See assets, products, operations and recipes."""
    UPLOAD = "upload"
    """Put files in, by every door."""
    PROCESS = "process"
    """Process, restore and tag assets again."""
    DELETE = "delete"
    """Delete assets, and erase what belongs to an uploader."""
    ADMIN = "admin"
    """Keys, dead letters, the audit trail, and everything of the project."""


class UploadLimits(BaseModel):
    """What an upload token allows, at most; None: no limit of the token's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int | None = Field(default=None, ge=1, description="Bytes of one file.")
    max_count: int | None = Field(default=None, ge=1, description="Files in all.")
    types: tuple[str, ...] = Field((), description="Media types, perhaps like `image/*`.")
    recipe: str | None = Field(default=None, description="The preset that is used, whatever else.")


class Principal(BaseModel):
    """Whoever a request comes from.

    `id` names the key, token or session in logs and in the audit trail. `uploader`, where given,
    is written on every record instead of what the request says.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    project: str = "default"
    scopes: frozenset[Scope] = frozenset(Scope)
    uploader: str | None = None
    limits: UploadLimits | None = None

    def may(self, scope: Scope) -> bool:
        """Whether this is allowed; `admin` allows everything."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


OWNER = Principal(id="owner")
"""Whoever holds the owner's key, or anybody where authentication is off."""
