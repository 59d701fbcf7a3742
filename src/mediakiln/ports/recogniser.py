"""Recognisers outside the sandbox: services that say what an image shows.

Models that run on this machine are no recognisers in this sense: jobs load them themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Wanted:
    """How an image must be prepared: an upright JPEG in sRGB, within these bounds."""

    longest_side: int = 1_920
    """Pixels; larger images are scaled down to it."""
    shortest_side: int = 1
    """Pixels; what stays smaller is scaled up, and filled up where it is too narrow."""
    max_bytes: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a recogniser saw. Confidences are from 0 to 1, by label."""

    labels: Mapping[str, float] = field(default_factory=dict)
    unsafe: Mapping[str, float] | None = None
    """What makes the image unsafe; None where the recogniser was not to look for that."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of the service's models, by their names, for the lineage of products."""


class Recogniser(Protocol):
    """A service; calls at once are allowed."""

    @property
    def wanted(self) -> Wanted:
        """How it wants to see images."""
        ...

    @property
    def identity(self) -> str:
        """The service and all options that change what it says; holds no secret."""
        ...

    async def labels(self, image: bytes) -> Recognition:
        """What a prepared image shows, at most a hundred labels of each sort.

        Raises:
            EngineUnavailable: no answer, or too many questions at once; later it may answer.
            EngineMisconfigured: credentials, permissions or region do not suffice.
            BadMedia, LimitExceeded: it does not take this image.
            OperationFailed: it refused for another reason.
        """
        ...

    async def check(self) -> None:
        """Find out whether it may be asked, as cheaply as can be; raises as `labels`."""
        ...

    async def close(self) -> None:
        """Let go of connections; questions on their way fail. Safe to call again."""
        ...
