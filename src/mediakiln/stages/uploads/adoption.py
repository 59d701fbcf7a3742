"""Objects that came straight to the bucket become assets.

Whoever hears of an object calls this, as often as it likes and in any order: what counts is the
object as it lies in the bucket, never what a message said of it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from email.errors import MessageError
from email.header import decode_header, make_header
from typing import Final, Protocol

from mediakiln.model.asset import Asset, Problem, Source
from mediakiln.model.clock import Clock, utc_now
from mediakiln.model.drops import Drop, Told, dropped_id, rule_of
from mediakiln.model.errors import (
    AlreadyExists,
    EmptyFile,
    IncompleteUpload,
    InvalidName,
    InvalidRecipe,
    InvalidRequest,
    MediakilnError,
    NotFound,
    ObjectMissing,
    TooLarge,
    UnsupportedMedia,
    UploadExpired,
)
from mediakiln.model.keys import Bucket, parse_input_key
from mediakiln.model.kind import AssetState
from mediakiln.model.names import clean_name
from mediakiln.model.recipe import Recipe
from mediakiln.model.transitions import completed
from mediakiln.model.upload import Offer, Upload, UploadState
from mediakiln.ports.direct import Described, Description
from mediakiln.ports.object_store import ObjectInfo, ObjectStore
from mediakiln.stages.ledger import Ledger
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.labels import clean_tags, clean_uploader
from mediakiln.telemetry import metrics

log = logging.getLogger(__name__)

PROTOCOL: Final = "direct"
_TOLD: Final = "mediakiln"
_REFUSALS = (
    EmptyFile,
    IncompleteUpload,
    InvalidName,
    InvalidRecipe,
    InvalidRequest,
    TooLarge,
    UnsupportedMedia,
)
"""What is wrong with the file or with what was said of it: no further try would help."""


class Enter(Protocol):
    """`Receive.enter`."""

    async def __call__(
        self, id: str, offer: Offer, key: str, *, checksum: str | None = None
    ) -> Asset:
        """Make the record of an object that is complete in the input bucket."""
        ...


class Adoption:
    """Makes the record of an object of the input bucket, once.

    Keys of this platform's making belong to an upload of the door `direct`, or to whoever else
    may write to the bucket; other keys go by the rules in `drops`. A file that is refused becomes
    a record in the state `rejected`, since nobody waits for an answer who could be told.
    """

    def __init__(
        self,
        store: ObjectStore,
        ledger: Ledger,
        enter: Enter,
        resolve: Callable[[str | None], Recipe | None],
        *,
        drops: Sequence[Drop] = (),
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._book = UploadBook(ledger.catalog, clock=clock)
        self._enter = enter
        self._resolve = resolve
        self._drops = drops
        self._clock = clock

    async def __call__(self, key: str) -> Asset | None:
        """The asset of the object under a key; None where there is none to be.

        Raises:
            MediakilnError: an engine is out; the same call later goes on.
        """
        parsed = parse_input_key(key)
        if parsed is not None:
            return await self._own(key, *parsed)
        rule = rule_of(self._drops, key)
        if rule is None or key.endswith("/"):
            metrics.FOREIGN_OBJECTS.labels("left").inc()
            return None
        try:
            info = await self._store.head(Bucket.INPUT, key)
        except InvalidRequest as error:  # a key that not every store could keep
            log.warning("an object cannot be taken in: %s", error, extra={"key": key[:500]})
            metrics.FOREIGN_OBJECTS.labels("unusable").inc()
            return None
        return None if info is None else await self._dropped(rule, info)

    async def complete(self, upload: Upload) -> Asset:
        """Make the record of a direct upload whose object is there.

        Raises:
            ObjectMissing: it is not.
        """
        known = await self._ledger.catalog.get(upload.id)
        if known is not None:
            return known
        info = await self._store.head(Bucket.INPUT, upload.key)
        if info is None:
            raise ObjectMissing(
                "the object is not in the bucket", hint="send it by the signed request first"
            )
        return await self._direct(upload, info)

    async def _own(self, key: str, project: str, id: str) -> Asset | None:
        known = await self._ledger.catalog.get(id)
        if known is not None:
            return known
        info = await self._store.head(Bucket.INPUT, key)
        if info is None:
            return None
        upload = await self._book.find(project, id)
        if upload is not None:
            # What the other doors have written they bring to its end themselves.
            return await self._direct(upload, info) if upload.protocol == PROTOCOL else None
        if not isinstance(self._store, Described) or (await self._described(key)).ours:
            # Its record is made by the process that wrote it, before anybody hears of success.
            return None
        return await self._kept(id, Offer(name=id, project=project), info)

    async def _direct(self, upload: Upload, info: ObjectInfo) -> Asset:
        asset = await self._kept(upload.id, upload.offer, info)
        if asset.state is AssetState.REJECTED:
            await self._store.delete(Bucket.INPUT, [info.key])
        with suppress(NotFound, UploadExpired):
            await self._book.change(upload.project, upload.id, _done)
        return asset

    async def _dropped(self, rule: Drop, info: ObjectInfo) -> Asset:
        id = dropped_id(info.key, etag=info.etag, version=info.version, modified=info.modified)
        known = await self._ledger.catalog.get(id)
        if known is not None:
            return known
        offer = Offer(
            name=info.key.rpartition("/")[2],
            project=rule.project,
            uploader=rule.uploader,
            tags=rule.tags,
        )
        try:
            told = _told(await self._described(info.key), rule.override)
            offer = self._said(offer, told, rule.recipe)
        except _REFUSALS as error:
            asset = await self._refused(id, offer, info, error)
        else:
            asset = await self._kept(id, offer, info)
        outcome = "rejected" if asset.state is AssetState.REJECTED else "adopted"
        metrics.FOREIGN_OBJECTS.labels(outcome).inc()
        return asset

    async def _kept(self, id: str, offer: Offer, info: ObjectInfo) -> Asset:
        try:
            if offer.size is not None and offer.size != info.size:
                raise IncompleteUpload(
                    f"{offer.size} bytes were announced and {info.size} arrived",
                    limit=offer.size,
                    value=info.size,
                )
            return await self._enter(id, offer, info.key)
        except _REFUSALS as error:
            return await self._refused(id, offer, info, error)

    async def _refused(
        self, id: str, offer: Offer, info: ObjectInfo, error: MediakilnError
    ) -> Asset:
        """The record that says why a file is not taken."""
        now = self._clock()
        asset = Asset(
            id=id,
            project=offer.project,
            uploader=offer.uploader,
            name=_name_or(id, offer.name),
            tags=offer.tags,
            state=AssetState.REJECTED,
            declared_type=offer.declared_type,
            recipe=offer.recipe,
            bytes=info.size,
            source=Source(key=info.key, etag=info.etag, version=info.version),
            error=Problem.of(error),
            created_at=now,
            run_started_at=now,
            updated_at=now,
            completed_at=now,
        )
        log.info("an object is refused: %s", error, extra={"asset": id, "code": error.code})
        metrics.UPLOADS.labels(error.code).inc()
        try:
            return await self._ledger.create(asset, [completed(asset)])
        except AlreadyExists:
            return await self._ledger.catalog.get(id) or asset

    async def _described(self, key: str) -> Description:
        if not isinstance(self._store, Described):
            return Description()
        return await self._store.describe(Bucket.INPUT, key)

    def _said(self, offer: Offer, told: Mapping[Told, str], recipe: str | None) -> Offer:
        tags = told["tags"].split(",") if "tags" in told else offer.tags
        return replace(
            offer,
            name=clean_name(told.get("name", offer.name)),
            uploader=clean_uploader(told.get("uploader", offer.uploader)),
            tags=clean_tags(list(tags)),
            recipe=self._resolve(told.get("recipe", recipe)),
        )


def _done(upload: Upload) -> Upload | None:
    if upload.state is UploadState.DONE:
        return None
    return upload.model_copy(update={"state": UploadState.DONE})


def _told(described: Description, allowed: frozenset[Told]) -> dict[Told, str]:
    """What metadata `mediakiln-…` and tags say, of what may be said; metadata count more.

    Azure's names have no hyphens, so underscores will do.
    """
    found: dict[Told, str] = {}
    for said in (described.tags, described.metadata):
        for name, value in said.items():
            word = name.lower().replace("_", "-")
            for each in allowed:
                if word == f"{_TOLD}-{each}":
                    found[each] = _decoded(value)
    return found


def _decoded(value: str) -> str:
    """S3 hands out metadata that is not ASCII as RFC 2047 has it."""
    if not value.startswith("=?"):
        return value
    try:
        return str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return value


def _name_or(id: str, name: str) -> str:
    try:
        return clean_name(name)
    except InvalidName:
        return id
