"""Which parts of an upload are durable: a file of records, each at the place of its number.

A record is written after its part's bytes are on the disk, and is removed from the disk before
they are overwritten. It carries a checksum, so that one torn by a loss of power counts as none.
"""

import errno
import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from mediakiln.adapters.object_store.files import write_all
from mediakiln.adapters.object_store.multipart.locks import held, try_lock
from mediakiln.model.errors import NotFound
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Part

_HEAD_BYTES = 4096
"""What stands before the first record: whose upload it is, as JSON, filled up with zeroes."""
_RECORD = struct.Struct("<IIQQ32s8x")
_GATE = 0
"""The byte that stands for the upload as a whole; byte `n` stands for part `n`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A part, and where in the object it begins."""

    part: Part
    offset: int

    @property
    def end(self) -> int:
        """Where the next part begins."""
        return self.offset + self.part.size


class Journal:
    """An open journal. Closing it gives up the parts that were claimed by it."""

    def __init__(self, descriptor: int, key: str) -> None:
        self._descriptor = descriptor
        self._key = key

    @classmethod
    def create(cls, path: str, bucket: Bucket, key: str) -> None:
        """Write the journal of a new upload, durably."""
        head = json.dumps({"bucket": bucket, "key": key}, ensure_ascii=False).encode()
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        try:
            write_all(descriptor, [head.ljust(_HEAD_BYTES, b"\0")])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @classmethod
    @contextmanager
    def opened(cls, path: str, bucket: Bucket, key: str) -> Iterator[Self]:
        """An upload's journal, for a while."""
        journal = cls.open(path, bucket, key)
        try:
            yield journal
        finally:
            journal.close()

    @classmethod
    def open(cls, path: str, bucket: Bucket, key: str) -> Self:
        """An upload's journal.

        Raises:
            NotFound: there is none, or it is another object's.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _missing(key) from error
        head = os.pread(descriptor, _HEAD_BYTES, 0).rstrip(b"\0")
        if not head or json.loads(head) != {"bucket": bucket, "key": key}:
            os.close(descriptor)
            raise _missing(key)
        return cls(descriptor, key)

    def close(self) -> None:
        """Close the file. Safe to call again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def claim(self, number: int) -> bool:
        """Become the only writer of a part until `close`; False where another one is."""
        return try_lock(self._descriptor, number, 1)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep the upload from being completed or aborted for a moment."""
        with held(self._descriptor, _GATE, shared=True):
            yield

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Wait until nobody is `writing`, and keep it so."""
        with held(self._descriptor, _GATE, shared=False):
            yield

    def entries(self) -> dict[int, Entry]:
        """All durable parts, by number."""
        records = self._records()
        found = (_read(records, position) for position in range(len(records) // _RECORD.size))
        return {entry.part.number: entry for entry in found if entry is not None}

    def neighbours(self, number: int) -> tuple[Entry | None, Entry | None, Entry | None]:
        """The durable part before a number, the one that has it, and the one after it."""
        records = self._records()
        return (
            _last_before(records, number - 1),
            _read(records, number - 1),
            _first_after(records, number - 1),
        )

    def write(self, *entries: Entry) -> None:
        """Say durably that parts are durable."""
        for entry in entries:
            part = entry.part
            self._put(part.number, _packed(part.number, entry.offset, part.size, part.etag))
        os.fdatasync(self._descriptor)

    def erase(self, numbers: Iterable[int]) -> None:
        """Say durably that these parts are none any more."""
        for number in numbers:
            self._put(number, bytes(_RECORD.size))
        os.fdatasync(self._descriptor)

    def _put(self, number: int, record: bytes) -> None:
        place = _HEAD_BYTES + (number - 1) * _RECORD.size
        if os.pwrite(self._descriptor, record, place) < len(record):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _records(self) -> bytes:
        size = os.fstat(self._descriptor).st_size
        found = os.pread(self._descriptor, max(size - _HEAD_BYTES, 0), _HEAD_BYTES)
        return found[: len(found) - len(found) % _RECORD.size]


def _packed(number: int, offset: int, size: int, etag: str) -> bytes:
    digest = bytes.fromhex(etag)
    return _RECORD.pack(number, _sum(number, offset, size, digest), offset, size, digest)


def _sum(number: int, offset: int, size: int, digest: bytes) -> int:
    return zlib.crc32(_RECORD.pack(number, 0, offset, size, digest))


def _read(records: bytes, position: int) -> Entry | None:
    """The entry at a position from 0 on; None where there is none that is sound."""
    if not 0 <= position < len(records) // _RECORD.size:
        return None
    number, crc, offset, size, digest = _RECORD.unpack_from(records, position * _RECORD.size)
    if number != position + 1 or crc != _sum(number, offset, size, digest):
        return None
    return Entry(Part(number, size, digest.hex()), offset)


def _last_before(records: bytes, position: int) -> Entry | None:
    while True:
        rest = len(records[: position * _RECORD.size].rstrip(b"\0"))
        if not rest:
            return None
        position = (rest - 1) // _RECORD.size
        entry = _read(records, position)
        if entry is not None:
            return entry


def _first_after(records: bytes, position: int) -> Entry | None:
    while True:
        start = (position + 1) * _RECORD.size
        rest = len(records) - start - len(records[start:].lstrip(b"\0"))
        if start + rest >= len(records):
            return None
        position = (start + rest) // _RECORD.size
        entry = _read(records, position)
        if entry is not None:
            return entry


def _missing(key: str) -> NotFound:
    return NotFound("there is no such upload", key=key)
