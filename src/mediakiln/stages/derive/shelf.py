"""The shelf: derived images in the store, and what is known of each, shared by all replicas.

An image's object is `.derived/{project}/{source}/{name}` in the production bucket; its record, in
the space `derived`, says what it is and when it was last used. The object is there before its
record, and goes after it. Uses are written down coarsely, so that a popular image costs no write.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.errors import MediakilnError, StorageFull, VersionConflict
from mediakiln.model.keys import Bucket, derived_prefix
from mediakiln.ports.catalog import Catalog
from mediakiln.ports.object_store import FreeSpace, ObjectStore
from mediakiln.stages.derive.plan import Plan

log = logging.getLogger(__name__)

SPACE: Final = "derived"
TOUCH_AFTER: Final = timedelta(hours=12)
"""How old the written time of an image's last use may become while it is used."""
_MOST_KNOWN: Final = 20_000
_PAGE: Final = 200


class Kept(BaseModel):
    """What is known of an image that is there."""

    model_config = ConfigDict(frozen=True)

    media_type: str
    bytes: int
    checksum: str
    facts: dict[str, Any]
    """What the operation said of it: width, height, format, the original's."""
    used_at: datetime
    """About when somebody last asked for it."""


Wrote = Callable[[int], Awaitable[None]]
"""Is told how many bytes were put on the shelf. Raises nothing."""


class Shelf:
    """Finds, keeps and purges derived images; `reserve_bytes` of the store stay free.

    Whoever holds the shelf to its bounds hears by `wrote` how it grows.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: ObjectStore,
        *,
        reserve_bytes: int = 0,
        wrote: Wrote | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._wrote = wrote
        self._records = catalog.records(SPACE)
        self._store = store
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._known: OrderedDict[str, Kept] = OrderedDict()
        self._touching: set[asyncio.Task[None]] = set()

    async def find(self, plan: Plan) -> Kept | None:
        """The image of a plan; None where it must be made."""
        key = plan.record
        kept = self._known.get(key)
        if kept is None:
            record = await self._records.get(key)
            if record is None:
                return None
            kept = Kept.model_validate(record.value)
            self._remember(key, kept)
        if self._clock() - kept.used_at > TOUCH_AFTER:
            self._touch(key, kept)
        return kept

    def expect(
        self, plan: Plan, *, media_type: str, size: int, checksum: str, facts: Mapping[str, Any]
    ) -> Kept:
        """Know an image that is about to be put on the shelf."""
        kept = Kept(
            media_type=media_type,
            bytes=size,
            checksum=checksum,
            facts=dict(facts),
            used_at=self._clock(),
        )
        self._remember(plan.record, kept)
        return kept

    async def put(self, plan: Plan, kept: Kept, content: bytes | Path) -> None:
        """Put an image on the shelf. Another replica may have: equal work, either will do.

        Raises:
            EngineError, StorageFull: it is not there, or not known to others.
        """
        try:
            await self._check_room(kept.bytes)
            if isinstance(content, Path):
                await self._store.put_file(Bucket.PRODUCTION, plan.object, content)
            else:
                await self._store.put(Bucket.PRODUCTION, plan.object, content)
            await self._write(plan.record, kept)
        except MediakilnError:
            self.forget(plan)
            raise
        if self._wrote is not None:
            await self._wrote(kept.bytes)

    async def take_back(self, plan: Plan) -> None:
        """Remove one image, whose bytes are lost, or whose source was purged meanwhile."""
        self.forget(plan)
        await self._records.delete(plan.record)
        await self._store.delete(Bucket.PRODUCTION, [plan.object])

    def forget(self, plan: Plan) -> None:
        """Know no more that an image is there: its bytes were not."""
        self._known.pop(plan.record, None)

    async def purge(self, project: str, source: str) -> int:
        """Remove every image derived from a source; how many there were.

        What is made meanwhile is its maker's to take back: see `Derive`.
        """
        prefix = f"{project}/{source}/"
        for key in [key for key in self._known if key.startswith(prefix)]:
            del self._known[key]
        purged = 0
        while True:
            found, _ = await self._records.list(prefix, limit=_PAGE)
            for record in found:
                await self._records.delete(record.key)
            purged += len(found)
            if not found:
                break
        below = self._store.list(Bucket.PRODUCTION, derived_prefix(project, source))
        objects = [item.key async for item in below]
        for start in range(0, len(objects), _PAGE):
            await self._store.delete(Bucket.PRODUCTION, objects[start : start + _PAGE])
        return purged

    async def close(self) -> None:
        """Wait for uses that are being written down."""
        await asyncio.gather(*self._touching, return_exceptions=True)

    async def _check_room(self, size: int) -> None:
        """Leave the reserve to uploads: whoever may ask for images may ask for ever more."""
        if not self._reserve_bytes or not isinstance(self._store, FreeSpace):
            return
        free = await self._store.free_bytes()
        if free - size < self._reserve_bytes:
            raise StorageFull(
                "no space is left for images beside the reserve",
                limit=self._reserve_bytes,
                value=free,
                hint="free space on the store's disk, or lower MEDIAKILN_IMAGES_STORE_BYTES",
            )

    async def _write(self, key: str, kept: Kept) -> None:
        value = kept.model_dump(mode="json")
        try:
            await self._records.put(key, value)
        except VersionConflict:
            # Its bytes may differ from those of another replica's, with another library.
            record = await self._records.get(key)
            version = None if record is None else record.version
            await self._records.put(key, value, expected=version)

    def _touch(self, key: str, kept: Kept) -> None:
        """Write down that the image is in use, beside the request."""
        used = kept.model_copy(update={"used_at": self._clock()})
        self._remember(key, used)
        task = asyncio.create_task(self._touched(key))
        self._touching.add(task)
        task.add_done_callback(self._touching.discard)

    async def _touched(self, key: str) -> None:
        try:
            record = await self._records.get(key)
            if record is None:
                return  # swept or purged meanwhile
            value = {**record.value, "used_at": self._clock().isoformat()}
            await self._records.put(key, value, expected=record.version)
        except MediakilnError as error:
            log.info("a use is not written down: %s", error, extra={"key": key})

    def _remember(self, key: str, kept: Kept) -> None:
        self._known[key] = kept
        self._known.move_to_end(key)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
