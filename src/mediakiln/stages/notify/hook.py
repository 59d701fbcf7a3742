"""Targets of news that a project has added by itself."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

EVENTS: Final = ("asset.ready", "asset.failed", "asset.rejected")
"""What news can be of."""


class Hook(BaseModel):
    """One webhook of a project.

    Attributes:
        secret: `whsec_` and base64; kept as it is, since every delivery is signed with it.
        events: the types of news it wants; none: all of them.
        enabled: whether it is told.
        disabled: why not, if it was turned off for it.
        failing_since: when the failures began that no success has ended.
        by: the principal that added it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    project: str
    url: str
    secret: str = Field(repr=False)
    events: tuple[str, ...] = ()
    enabled: bool = True
    disabled: str | None = None
    failing_since: datetime | None = None
    by: str = ""
    created_at: datetime

    def wants(self, type: str) -> bool:
        """Whether news of this type are sent to it."""
        return self.enabled and (not self.events or type in self.events)
