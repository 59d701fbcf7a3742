"""Object stores: whole, immutable objects in three buckets.

An object is visible only when it is complete and durable; readers see the old one or the new
one, never a part. Keys are relative, use forward slashes, and hold no empty, `.` or `..` parts.
Media types are not kept here: they live in records.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, runtime_checkable

from mediakiln.model.errors import InvalidRequest
from mediakiln.model.keys import Bucket


@dataclass(frozen=True, slots=True)
class ObjectStoreCapabilities:
    """What an engine can do; what it cannot it refuses with `NotSupported`."""

    shared: bool
    """Other processes see the same objects."""
    durable: bool
    """An acknowledged object survives the loss of power."""
    versions: bool = False
    """Overwritten objects keep their older versions."""
    presign: bool = False
    """`Presigned` is implemented, and the credentials can sign."""
    presign_described: bool = False
    """Addresses can say what a reader is told of a file's name and media type."""
    local_path: bool = False
    """`LocalFiles` is implemented."""
    object_lock: bool = False
    """The engine itself refuses to delete archive objects before their time."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as the store lists it. `etag` changes whenever the bytes do."""

    key: str
    size: int
    etag: str
    modified: datetime
    version: str | None = None


class Writer(Protocol):
    """An object in the making. Leaving the context without `commit` leaves no trace."""

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes.

        Raises:
            StorageFull: no space left; nothing stays behind.
        """
        ...

    async def commit(self) -> ObjectInfo:
        """Make the object durable and visible.

        Raises:
            AlreadyExists: the writer was opened with `if_absent` and the key is taken.
            StorageFull: no space left; nothing stays behind.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class ObjectStore(Protocol):
    """The must-haves of every engine. Every method may raise `EngineUnavailable`."""

    @property
    def capabilities(self) -> ObjectStoreCapabilities:
        """What this engine can do."""
        ...

    async def ensure(self) -> None:
        """Make the buckets, and clear what a crash left half-written. Safe to run again."""
        ...

    def writer(self, bucket: Bucket, key: str, *, if_absent: bool = False) -> Writer:
        """Open an object for streaming; memory use does not depend on its size."""
        ...

    async def put(
        self, bucket: Bucket, key: str, data: bytes, *, if_absent: bool = False
    ) -> ObjectInfo:
        """Store a small object whole.

        Raises:
            AlreadyExists: `if_absent` and the key is taken; of racing writers exactly one wins.
            StorageFull: no space left.
        """
        ...

    async def put_file(
        self,
        bucket: Bucket,
        key: str,
        path: Path,
        *,
        if_absent: bool = False,
        checksum: str | None = None,
    ) -> ObjectInfo:
        """Store a file, which the engine may take over by a link: do not change it afterwards.

        Args:
            bucket: where the object will be.
            key: its key.
            path: a plain file's.
            if_absent: as `put` has it.
            checksum: what the stored bytes must have: `blake3:` and 64 hexadecimal digits. It is
                worked out of those very bytes, before anybody sees them.

        Raises:
            ChecksumMismatch: they have another one; nothing was stored.
            AlreadyExists, StorageFull: as `put`.
        """
        ...

    async def head(self, bucket: Bucket, key: str) -> ObjectInfo | None:
        """What is known of an object; None when there is none."""
        ...

    async def get(self, bucket: Bucket, key: str) -> bytes:
        """A small object's bytes.

        Raises:
            ObjectMissing: there is no such object.
        """
        ...

    def stream(
        self, bucket: Bucket, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """An object's bytes from `start` up to, not including, `end`, in chunks.

        Raises:
            ObjectMissing: at the first chunk, when there is no such object.
        """
        ...

    async def download(self, bucket: Bucket, key: str, path: Path) -> None:
        """Write an object to a new local file.

        Raises:
            ObjectMissing: there is no such object.
            StorageFull: no space left.
        """
        ...

    async def copy(
        self,
        source: tuple[Bucket, str],
        target: tuple[Bucket, str],
        *,
        if_absent: bool = False,
    ) -> ObjectInfo:
        """Copy inside the store, without the bytes passing through this process where it can.

        Raises:
            ObjectMissing: there is no source.
            AlreadyExists: as `put`.
        """
        ...

    async def delete(self, bucket: Bucket, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are no error."""
        ...

    def list(
        self, bucket: Bucket, prefix: str = "", *, start_after: str = ""
    ) -> AsyncIterator[ObjectInfo]:
        """Objects whose key begins with `prefix` and sorts after `start_after`, in key order."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


@runtime_checkable
class LocalFiles(Protocol):
    """For stores on this machine's disk: children read objects in place."""

    def local_path(self, bucket: Bucket, key: str) -> Path:
        """Where the object's bytes are. Read only: changing them is corruption."""
        ...

    def scratch_root(self) -> Path:
        """A folder on the same file system, so that products enter by link."""
        ...


@runtime_checkable
class FreeSpace(Protocol):
    """For stores whose space ends."""

    async def free_bytes(self) -> int:
        """Bytes that can still be written."""
        ...


@runtime_checkable
class Presigned(Protocol):
    """For stores whose objects clients read and write without us, by addresses that end."""

    async def presign(
        self,
        bucket: Bucket,
        key: str,
        *,
        method: Literal["GET", "PUT"],
        expires_s: float,
        filename: str | None = None,
        media_type: str | None = None,
    ) -> str:
        """An address that allows one kind of request for an object until it expires.

        Args:
            bucket: where the object is, or will be.
            key: its key; that there is such an object is not checked.
            method: what is allowed: reading, or writing it whole, over what is there.
            expires_s: how long, in seconds; the credentials' end may come earlier.
            filename: what a reader is told to save it as.
            media_type: what a reader is told it is, or what a writer must say it is.

        Raises:
            NotSupported: the engine cannot say the name or the type.
            InvalidRequest: the engine's addresses do not live so long.
        """
        ...


@dataclass(frozen=True, slots=True)
class LifecycleRules:
    """What a store does by itself in the course of days.

    Attributes:
        archive_days: after how many days an archive object is deleted; None for never.
        abandoned_days: after how many the parts of an upload are, that was never completed.
        cold_days: after how many an archive object moves to `cold_class`; None for never.
        cold_class: the engine's name of a cheaper storage class.

    Raises:
        InvalidRequest: an object would move after it was deleted.
    """

    archive_days: int | None
    abandoned_days: int = 2
    cold_days: int | None = None
    cold_class: str = ""

    def __post_init__(self) -> None:
        if self.cold_days is None or self.archive_days is None:
            return
        if self.cold_days >= self.archive_days:
            raise InvalidRequest(
                "An archive object must move before it is deleted.",
                limit=self.archive_days,
                value=self.cold_days,
            )


@runtime_checkable
class Lifecycle(Protocol):
    """For stores that can be told to clear up by themselves."""

    async def apply_rules(self, rules: LifecycleRules) -> None:
        """Write the rules into the buckets' settings, beside those of other hands there.

        Raises:
            NotSupported: the engine has no such rules, or they are not written from here; the
                hint says how.
            InvalidRequest: the engine does not take these days.
        """
        ...
