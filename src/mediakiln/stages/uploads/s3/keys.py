"""Which asset is behind which key: what S3 clients see in the input bucket."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from mediakiln.model.asset import Asset
from mediakiln.model.errors import InvalidName, NotFound, VersionConflict
from mediakiln.ports.catalog import Catalog
from mediakiln.stages.uploads.s3.checksums import Checksum

SPACE: Final = "s3-keys"
MAX_KEY_BYTES: Final = 900
"""S3 allows 1024; the project and the catalogs' own bounds take the rest."""
_PAGE: Final = 500


class Keyed(BaseModel):
    """An object as S3 clients know it.

    `etag` is the MD5 of its bytes in hexadecimal digits, or, of parts, that of their MD5s with
    `-` and their number behind, which is what clients compare. `meta` is what its client wants to
    hear again.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    asset: str
    size: int
    etag: str
    modified: datetime
    checksum: Checksum | None = None
    meta: Mapping[str, str] = Field(default_factory=dict)


def check_key(key: str) -> str:
    """The key, if it can be one.

    Raises:
        InvalidName: it is empty, too long, or holds a NUL.
    """
    if not key or "\0" in key or len(key.encode(errors="surrogateescape")) > MAX_KEY_BYTES:
        raise InvalidName(
            f"a key has 1 to {MAX_KEY_BYTES} bytes and no NUL",
            field="key",
            limit=MAX_KEY_BYTES,
            value=len(key),
        )
    return key


class KeyIndex:
    """Finds, lists and replaces entries. The latest upload to a key is the one behind it."""

    def __init__(self, catalog: Catalog) -> None:
        self._records = catalog.records(SPACE)

    async def get(self, project: str, key: str) -> Keyed | None:
        """What is behind a key; None if nothing is."""
        record = await self._records.get(_place(project, key))
        return None if record is None else Keyed.model_validate(record.value)

    async def put(self, project: str, entry: Keyed) -> None:
        """Put an asset behind a key, unless a later one is there already.

        Ids are in the order of their making, so an upload that is repeated after a crash does not
        push aside one that came after it.
        """
        place = _place(project, entry.key)
        while True:
            found = await self._records.get(place)
            if found is not None and Keyed.model_validate(found.value).asset > entry.asset:
                return
            expected = None if found is None else found.version
            try:
                await self._records.put(place, entry.model_dump(mode="json"), expected=expected)
            except VersionConflict:
                continue
            return

    async def remember(
        self,
        key: str,
        asset: Asset,
        etag: str,
        *,
        checksum: Checksum | None,
        meta: Mapping[str, str] | None,
    ) -> Keyed:
        """Put a new asset behind a key of its project, unless a later one is there already."""
        entry = Keyed(
            key=key,
            asset=asset.id,
            size=asset.bytes,
            etag=etag,
            modified=asset.created_at,
            checksum=checksum,
            meta=meta or {},
        )
        await self.put(asset.project, entry)
        return entry

    async def describe(self, project: str, entry: Keyed, meta: Mapping[str, str]) -> Keyed:
        """Put other words beside the object that is behind a key, if it still is.

        Raises:
            NotFound: another is, or none.
        """
        place = _place(project, entry.key)
        while True:
            found = await self._records.get(place)
            latest = None if found is None else Keyed.model_validate(found.value)
            if found is None or latest is None or latest.asset != entry.asset:
                raise NotFound("the object was replaced meanwhile")
            latest = latest.model_copy(update={"meta": dict(meta)})
            try:
                await self._records.put(
                    place, latest.model_dump(mode="json"), expected=found.version
                )
            except VersionConflict:
                continue
            return latest

    async def remove(self, project: str, entry: Keyed) -> None:
        """Forget an entry, if it is still the one behind its key."""
        place = _place(project, entry.key)
        found = await self._records.get(place)
        if found is None or Keyed.model_validate(found.value).asset != entry.asset:
            return
        try:
            await self._records.delete(place, expected=found.version)
        except VersionConflict:
            return  # another upload is behind it now

    async def entries(
        self, project: str, prefix: str = "", start_after: str = ""
    ) -> AsyncIterator[Keyed]:
        """Entries whose key begins with `prefix` and sorts after `start_after`, in key order."""
        cursor: str | None = None
        after = _place(project, start_after) if start_after else ""
        while True:
            records, cursor = await self._records.list(
                _place(project, prefix), limit=_PAGE, cursor=cursor, start_after=after
            )
            for record in records:
                yield Keyed.model_validate(record.value)
            if cursor is None:
                return


def _place(project: str, key: str) -> str:
    return f"{project}/{key}"
