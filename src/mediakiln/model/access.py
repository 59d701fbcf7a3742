"""Who asks, and what they may do."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.errors import TooLarge, UnsupportedMedia
from mediakiln.model.media_types import plain, says_nothing

TYPE_PATTERN: Final = r"^[a-z0-9][a-z0-9!#$&^_.+-]*/(\*|[a-z0-9][a-z0-9!#$&^_.+-]*)$"
"""A media type in lower case, or all of one kind (RFC 6838, section 4.2)."""


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
    types: tuple[Annotated[str, Field(pattern=TYPE_PATTERN, max_length=127)], ...] = Field(
        (), max_length=50, description="Media types, perhaps like `image/*`."
    )
    recipe: str | None = Field(default=None, description="The preset that is used, whatever else.")

    def check_size(self, size: int) -> None:
        """Refuse a file that is too large.

        Raises:
            TooLarge: it has more than `max_bytes`.
        """
        if self.max_bytes is not None and size > self.max_bytes:
            raise TooLarge(
                f"this upload token allows files of {self.max_bytes} bytes",
                limit=self.max_bytes,
                value=size,
            )

    def check_type(self, media_type: str | None) -> None:
        """Refuse a file for its type as its content shows it; one that nobody knows as well.

        Raises:
            UnsupportedMedia: it is none of `types`.
        """
        self._check(media_type, f"the file is {media_type or 'of an unknown type'}")

    def check_declared(self, media_type: str | None) -> None:
        """Refuse a file for the type that its uploader gives it; its content is looked at later.

        Raises:
            UnsupportedMedia: a type is given, and it is none of `types`.
        """
        if not says_nothing(media_type):
            self._check(media_type, f"the file is declared to be {media_type}")

    def _check(self, media_type: str | None, said: str) -> None:
        if self.types and not any(_is_of(plain(media_type or ""), type_) for type_ in self.types):
            raise UnsupportedMedia(
                f"{said}, which this upload token does not allow",
                media_type=media_type,
                allowed=list(self.types),
            )


class Quota(BaseModel):
    """What a key may put in within a day (UTC); None: no quota."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: int | None = Field(default=None, ge=1, description="Files a day.")
    bytes: int | None = Field(default=None, ge=1, description="Bytes a day.")


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
    rate: str | None = None
    """Requests that its key may send, such as `20/second; 5000/hour`; None: as everybody's."""
    quota: Quota | None = None
    payer: str | None = None
    """Under whose id requests and files count, if not under its own."""

    @property
    def account(self) -> str:
        """Under which id requests and files count."""
        return self.payer or self.id

    def may_continue(self, by: str) -> bool:
        """Whether an upload that principal `by` opened is open to this one too.

        The holder of a key goes on with every upload of its project, the holder of an upload
        token with its own alone.
        """
        return self.limits is None or self.id == by

    def may(self, scope: Scope) -> bool:
        """Whether this is allowed; `admin` allows everything."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    @property
    def is_owner(self) -> bool:
        """Whether this is the installation's owner, to whom every project is open."""
        return self.id == OWNER.id


OWNER = Principal(id="owner")
"""Whoever holds the owner's key, or anybody where authentication is off."""


def _is_of(media_type: str, pattern: str) -> bool:
    kind, _, rest = pattern.partition("/")
    return media_type == plain(pattern) or (rest == "*" and media_type.startswith(f"{kind}/"))
