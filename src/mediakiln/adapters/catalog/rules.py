"""What every catalog engine holds to, whatever it keeps its records in."""

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import PydanticSerializationError

from mediakiln.model.asset import MAX_RECORD_BYTES, Asset
from mediakiln.model.errors import AlreadyExists, InvalidRequest, LimitExceeded, VersionConflict
from mediakiln.ports.catalog import Outgoing

MAX_EVENTS_BYTES = 256 * 1024
"""The bodies of one write's events: with the record they fit in one DynamoDB item (400 KB)."""
MAX_EVENTS = 100
"""Of one write: DynamoDB names each in an expression of 4 KB, Cassandra in one batch."""
MAX_KEY_BYTES = 1024
"""A key in a records space, in UTF-8: the longest sort key of DynamoDB."""
MAX_VALUE_BYTES = 256 * 1024
"""A value in a records space, as JSON: a dead letter with the largest message fits."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exactly.

    Raises:
        InvalidRequest: the time has no zone.
    """
    if moment.tzinfo is None:
        raise InvalidRequest("a time without a zone has no place in a record", value=str(moment))
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The inverse of `micros`, in UTC."""
    return _EPOCH + value * _MICROSECOND


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def shard_of(id: str, shards: int) -> int:
    """The shard an asset's events and due time belong to; the same in every process."""
    return zlib.crc32(id.encode()) % shards


def check_limit(limit: int) -> None:
    """Refuse a page of no records.

    Raises:
        InvalidRequest: `limit` is below 1.
    """
    if limit < 1:
        raise InvalidRequest(f"a limit of {limit} asks for nothing", limit=1, value=limit)


def storable(text: str) -> bool:
    """Whether every engine can search by `text`; what none can store names no record.

    That is UTF-8 without NUL, which PostgreSQL's text columns do not take.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def encode(asset: Asset) -> str:
    """The record as JSON text, the form in which every engine keeps it.

    Raises:
        LimitExceeded: more than 64 KiB.
        InvalidRequest: something in it has no JSON form, such as half a surrogate pair, or one
            of its names has a NUL.
    """
    if not all(storable(name) for name in (asset.id, asset.project, asset.mutation_id or "")):
        raise InvalidRequest("an id, project or mutation id is UTF-8 without NUL")
    try:
        text = asset.model_dump_json(by_alias=True)
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise InvalidRequest(f"the record has no JSON form: {error}", asset=asset.id) from error
    _limit(len(text.encode()), MAX_RECORD_BYTES, "a record", "move long lists into manifests")
    return text


def decode(text: str | bytes) -> Asset:
    """The inverse of `encode`."""
    return Asset.model_validate_json(text)


def check_events(events: Sequence[Outgoing]) -> None:
    """Check what is about to be written with a record.

    Raises:
        InvalidRequest: two events of one id, so that `sent` could not tell them apart.
        LimitExceeded: more than 100, or the bodies are more than 256 KiB together.
    """
    if len(events) > MAX_EVENTS:
        raise LimitExceeded(
            f"{len(events)} events of one write exceed {MAX_EVENTS}",
            limit=MAX_EVENTS,
            value=len(events),
        )
    if len({event.message.id for event in events}) != len(events):
        raise InvalidRequest("two events of one write have the same message id")
    total = sum(len(event.message.body) for event in events)
    _limit(total, MAX_EVENTS_BYTES, "the events of one write", "send references, not contents")


def settle_create(stored: Asset, asset: Asset) -> Asset:
    """What `create` makes of a record that is there already: its own repetition, or a clash.

    Raises:
        AlreadyExists: the record comes of another mutation.
    """
    if asset.mutation_id is not None and stored.mutation_id == asset.mutation_id:
        return stored
    raise AlreadyExists(f"asset {asset.id} exists already", asset=asset.id)


def settle_update(stored: Asset, asset: Asset, expected: int) -> Asset:
    """What `update` makes of a record it could not write: its own repetition, or a conflict.

    Raises:
        VersionConflict: somebody else wrote the record.
        InvalidRequest: the write would move the record to another project or time.
    """
    mine = asset.mutation_id is not None and stored.mutation_id == asset.mutation_id
    if mine and stored.version == expected + 1:
        return stored
    if stored.version == expected:
        raise InvalidRequest("a record's project and created_at never change", asset=asset.id)
    raise VersionConflict(
        f"asset {asset.id} is at version {stored.version}, not {expected}",
        asset=asset.id,
        expected=expected,
        version=stored.version,
    )


def encode_value(value: Mapping[str, Any]) -> str:
    """A records space's value as JSON text.

    Raises:
        InvalidRequest: it has no JSON form.
        LimitExceeded: more than 256 KiB.
    """
    try:
        text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"the value has no JSON form: {error}") from error
    _limit(size, MAX_VALUE_BYTES, "a value")
    return text


def check_key(key: str) -> None:
    """Check a key that is about to be written.

    Raises:
        InvalidRequest: it is empty, has a NUL or no UTF-8 form.
        LimitExceeded: more than 1,024 bytes.
    """
    if not key or not storable(key):
        raise InvalidRequest("a key is 1 to 1,024 bytes of UTF-8 without NUL")
    _limit(len(key.encode()), MAX_KEY_BYTES, "a key")


def after_prefix(prefix: str) -> str | None:
    """The least text, by code point, above everything that begins with `prefix`; None if none is.

    A range of keys serves a prefix without pattern matching, so no character is special.
    """
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    last = ord(stem[-1]) + 1
    surrogates = range(0xD800, 0xE000)
    return stem[:-1] + chr(surrogates.stop if last in surrogates else last)


def _limit(size: int, limit: int, what: str, hint: str | None = None) -> None:
    if size > limit:
        context = {"limit": limit, "value": size} | ({"hint": hint} if hint else {})
        raise LimitExceeded(f"{what} of {size} bytes exceeds {limit}", **context)
