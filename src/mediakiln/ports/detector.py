"""Detectors: say what a file is by its content."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from mediakiln.model.kind import Kind

HEAD_BYTES = 64 * 1024
"""How much of a file's beginning `sniff` is given, at most."""


@dataclass(frozen=True, slots=True)
class DetectorCapabilities:
    """What an engine can do."""

    containers: bool
    """`inspect` looks inside containers beyond the head."""
    learned: bool
    """A trained model decides; results may change with its version."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What the content is.

    `kind` None with a known `media_type` means: known, and not accepted (an executable, say).
    `media_type` None means: not known from what was seen. `certain` is False when more of the
    file could change the answer. `metadata` are facts met on the way (encoding, brand, width).
    """

    media_type: str | None
    kind: Kind | None
    certain: bool = True
    refused: str | None = None
    """Why the file is not accepted whatever else it is, in words for its uploader."""
    metadata: dict[str, Any] = field(default_factory=dict)


class RandomAccess(Protocol):
    """Reads of a stored object; few and small ones, since each may be a request."""

    @property
    def size(self) -> int:
        """The object's size in bytes."""
        ...

    async def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start`; shorter at the end."""
        ...


class Detector(Protocol):
    """Says what a file is. Names and declared types are hints for ties, never evidence."""

    @property
    def capabilities(self) -> DetectorCapabilities:
        """What this engine can do."""
        ...

    def sniff(
        self, head: bytes, *, complete: bool, name: str = "", declared: str | None = None
    ) -> Detection:
        """Judge by the first bytes; `complete` says that they are all there are."""
        ...

    async def inspect(
        self, source: RandomAccess, *, name: str = "", declared: str | None = None
    ) -> Detection:
        """Judge by the whole object; always certain."""
        ...
