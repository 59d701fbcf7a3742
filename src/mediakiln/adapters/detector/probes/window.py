"""What has been seen of a file, and what a probe concludes from it.

Probes are synchronous and see a `Window`. Where they need bytes that are not in it they let
`NotSeen` pass through: `sniff` then answers with their guess, `inspect` fetches the bytes and
asks again. So there is one set of probes for heads, whole files and distant objects.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from mediakiln.model.kind import Kind
from mediakiln.ports.detector import HEAD_BYTES, Detection


class NotSeen(Exception):
    """A probe needs bytes that the window does not hold."""

    def __init__(self, start: int, length: int) -> None:
        self.start = start
        self.length = length
        self.guess: Detection | None = None
        super().__init__(f"bytes {start} to {start + length} were not seen")


@dataclass(slots=True)
class Window:
    """The seen parts of one file.

    `size` is None while only a head is known. `suffix` (lower case, with its dot) and
    `declared` are the uploader's words: they settle ties, and nothing else.
    """

    head: bytes
    size: int | None
    suffix: str = ""
    declared: str = ""
    pieces: list[tuple[int, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, head: bytes, size: int | None, name: str, declared: str | None) -> "Window":
        """A window on `head`, the beginning of a file called `name`."""
        suffix = PurePosixPath(name.replace("\x00", "")).suffix.lower()
        return cls(head, size, suffix, (declared or "").partition(";")[0].strip().lower())

    @property
    def complete(self) -> bool:
        """Whether the head is the whole file."""
        return self.size is not None and self.size <= len(self.head)

    @property
    def thorough(self) -> bool:
        """Whether the head is all of a text that `inspect` would look at."""
        return self.complete or len(self.head) >= HEAD_BYTES

    def read(self, start: int, length: int) -> bytes:
        """`length` bytes from `start`; fewer at the end of the file.

        Raises:
            NotSeen: the window does not hold them.
        """
        end = start + length
        if self.size is not None:
            end = min(end, self.size)
        if start < 0 or start >= end:
            return b""
        if end <= len(self.head):
            return self.head[start:end]
        for at, piece in self.pieces:
            if at <= start and end <= at + len(piece):
                return piece[start - at : end - at]
        raise NotSeen(start, end - start)

    def peek(self, start: int, length: int) -> bytes:
        """Like `read`, but only of the head: fewer bytes where it ends."""
        return self.head[start : start + length] if start >= 0 else b""

    def end(self) -> int:
        """Where the file ends.

        Raises:
            NotSeen: its size is not known yet.
        """
        if self.size is None:
            raise NotSeen(len(self.head), 1)
        return self.size


Probe = Callable[[Window], Detection | None]
"""Says what a file is that carries a signature, or None: it is something else after all."""


def found(media_type: str, kind: Kind, **facts: Any) -> Detection:
    """An accepted type; facts that are None are left out."""
    known = {name: value for name, value in facts.items() if value is not None}
    return Detection(media_type, kind, metadata=known)


def likely(media_type: str, kind: Kind) -> Detection:
    """An accepted type that more of the file could refute."""
    return Detection(media_type, kind, certain=False)


def refuse(media_type: str | None, why: str) -> Detection:
    """A type that is not accepted, with the reason for its uploader."""
    return Detection(media_type, None, refused=why)


@contextmanager
def guessing(guess: Detection) -> Iterator[None]:
    """Attach `guess` to a `NotSeen` that passes, unless an inner probe knew better."""
    try:
        yield
    except NotSeen as missing:
        missing.guess = missing.guess or guess
        raise


def be(data: bytes) -> int:
    """An unsigned big-endian integer; 0 of no bytes."""
    return int.from_bytes(data, "big")


def le(data: bytes) -> int:
    """An unsigned little-endian integer; 0 of no bytes."""
    return int.from_bytes(data, "little")
