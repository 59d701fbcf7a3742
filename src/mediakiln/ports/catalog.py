"""Catalogs: records with conditional updates, and an outbox in the same write.

Every write names the version it was made from. The events of a change are kept with the
record, in the same conditional write, until they are marked sent. Order is kept per asset only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mediakiln.model.asset import Asset
from mediakiln.model.kind import AssetState, Kind
from mediakiln.model.messages import Message


@dataclass(frozen=True, slots=True)
class CatalogCapabilities:
    """What an engine can do."""

    shared: bool
    """Other processes see the same records."""
    durable: bool
    """An acknowledged write survives the loss of power."""
    shards: int = 1
    """Into how many shards `outbox` and `due` are divided; each can be swept by itself."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that a record's change sends to a topic, perhaps after a delay in seconds."""

    topic: str
    message: Message
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Pending:
    """An outgoing message still kept with its record; `message.id` names it."""

    asset: str
    topic: str
    message: Message
    delay: float
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some assets, and the cursor of the next page; None at the end."""

    assets: Sequence[Asset]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """An entry of a records space: a small JSON object under a key, with a version."""

    key: str
    value: Mapping[str, Any]
    version: int
    expires_at: datetime | None = None


class Records(Protocol):
    """A key-value space with compare-and-set: dead letters, deliveries, the product index."""

    async def get(self, key: str) -> Record | None:
        """The record; None when there is none or it has expired."""
        ...

    async def put(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        expected: int | None = None,
        expires_at: datetime | None = None,
    ) -> int:
        """Write if the version is still `expected` (None: if there is none yet).

        Returns:
            The new version, to be given as `expected` next time.

        Raises:
            VersionConflict: somebody else wrote it first.
        """
        ...

    async def delete(self, key: str, *, expected: int | None = None) -> None:
        """Delete; with `expected`, only that version. A missing key is no error.

        Raises:
            VersionConflict: the version is another.
        """
        ...

    async def list(
        self,
        prefix: str = "",
        *,
        limit: int = 100,
        cursor: str | None = None,
        start_after: str = "",
    ) -> tuple[Sequence[Record], str | None]:
        """Records whose key begins with `prefix`, in key order, and the next page's cursor.

        Without a cursor, the first page holds keys that sort after `start_after`, by code point.
        """
        ...


class Catalog(Protocol):
    """The must-haves of every engine. Every method may raise `EngineUnavailable`."""

    @property
    def capabilities(self) -> CatalogCapabilities:
        """What this engine can do."""
        ...

    async def ensure(self) -> None:
        """Make or migrate the schema. Safe to run again, and in parallel."""
        ...

    async def create(self, asset: Asset, events: Sequence[Outgoing] = ()) -> Asset:
        """Write a new record and its events as version 1.

        A repetition with the same `mutation_id` (after an unknown outcome) succeeds again.

        Raises:
            AlreadyExists: the id is taken by another mutation.
            StorageFull: no space left.
        """
        ...

    async def get(self, id: str) -> Asset | None:
        """The record, strongly consistent; None when there is none."""
        ...

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Asset]:
        """The records there are, by id."""
        ...

    async def update(
        self, asset: Asset, *, expected: int, events: Sequence[Outgoing] = ()
    ) -> Asset:
        """Replace the record and add its events, if its version is still `expected`.

        `asset.mutation_id` names the write: after an unknown outcome the engine reads back and
        takes its own mutation id as success.

        Returns:
            The record as written, at version `expected + 1`.

        Raises:
            VersionConflict: the version is another.
            NotFound: there is no such record.
            StorageFull: no space left.
        """
        ...

    async def list(
        self,
        project: str,
        *,
        state: AssetState | None = None,
        kind: Kind | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """A project's assets, newest first; may lag behind writes.

        Raises:
            InvalidRequest: the cursor is not one of ours.
        """
        ...

    async def due(self, before: datetime, *, shard: int = 0, limit: int = 100) -> Sequence[Asset]:
        """Records whose `due_at` is before the given time, the longest due first."""
        ...

    async def outbox(
        self, *, before: datetime, shard: int = 0, limit: int = 100
    ) -> Sequence[Pending]:
        """Events kept since before the given time, in order per asset."""
        ...

    async def sent(self, events: Sequence[tuple[str, str]]) -> None:
        """Forget events, each given as (asset id, message id); unknown ones are no error."""
        ...

    def records(self, space: str) -> Records:
        """The key-value space of that name; made by first use."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...
