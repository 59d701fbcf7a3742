"""Identifiers: UUID version 7 (RFC 9562), so that they sort by creation time."""

import re
from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

import uuid_utils

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_TIME_BITS = 48


def new_id() -> str:
    """A fresh UUID version 7 in its canonical lower-case form."""
    return str(uuid_utils.uuid7())


def sibling(id: str, number: int) -> str:
    """The id of the number-th of several that are made together; 0 is `id` itself."""
    head, tail = id[:-12], int(id[-12:], 16)
    return f"{head}{(tail + number) % (1 << 48):012x}"


def is_id(text: str) -> bool:
    """Whether `text` is a canonical UUID; anything else can name no record."""
    return _CANONICAL.fullmatch(text) is not None


def derived_id(base: str, name: str) -> str:
    """The one id of what `name` is within what `base`, a version 7 id, stands for.

    It has the time of `base`; its other bits are a hash instead of chance.
    """
    time = UUID(base).int >> (128 - _TIME_BITS)
    rest = int.from_bytes(blake2b(f"{base}/{name}".encode(), digest_size=10).digest())
    version, variant = 0x7 << 76, 0b10 << 62
    kept = rest & ~(0xF << 76) & ~(0b11 << 62)
    return str(UUID(int=time << 80 | kept | version | variant))


def id_time(id: str) -> datetime:
    """The time in a version 7 id, to the millisecond."""
    return datetime.fromtimestamp((UUID(id).int >> (128 - _TIME_BITS)) / 1000, UTC)
