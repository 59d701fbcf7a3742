"""Uploads whose parts are written at their places in one file, which then becomes the object.

`{root}/.multipart/{token}/` holds `data`, sparse until all parts are there, and `parts`, the
journal. An upload lives as long as there is `data`: completing it moves that file to the object's
place and aborting removes it, both while no one writes, and every writer looks before each block.
So nobody can write into an object, and no byte is written twice.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from mediakiln.adapters.object_store.files import info_of, stamp, sync_folder
from mediakiln.adapters.object_store.folders import Folders
from mediakiln.adapters.object_store.multipart.journal import Entry, Journal
from mediakiln.model.errors import EngineError, InvalidPart, NotFound
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import FORGOTTEN_AFTER, Part, PartRules
from mediakiln.ports.object_store import ObjectInfo

RULES: Final = PartRules(
    min_bytes=1,
    max_bytes=1 << 50,
    max_parts=100_000,
    max_object_bytes=1 << 50,
    open_ended=True,
)
"""The file system's own limits come earlier: 16 TiB a file on ext4."""

_TOKEN = re.compile(r"[0-9a-f]{32}")
_DATA = "data"
_PARTS = "parts"
_READ_ONLY = 0o444
_EMPTY_S = 3600
"""A folder without data is the remains of a crash, or about to get some."""


class InPlaceUploads:
    """The uploads of one store. Every method may raise `OSError`."""

    def __init__(self, root: str, folders: Folders) -> None:
        self.root = f"{root}/.multipart"
        self._folders = folders

    def begin(self, bucket: Bucket, key: str) -> str:
        """Open an upload, durably."""
        token = secrets.token_hex(16)
        folder = f"{self.root}/{token}"
        os.mkdir(folder)
        try:
            Journal.create(f"{folder}/{_PARTS}", bucket, key)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
            os.close(os.open(f"{folder}/{_DATA}", flags, 0o644))
            sync_folder(folder)
            sync_folder(self.root)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return token

    def paths(self, token: str, key: str) -> tuple[str, str]:
        """An upload's data and journal, whether there are such or not.

        Raises:
            NotFound: no upload has such a token.
        """
        if not _TOKEN.fullmatch(token):
            raise NotFound("there is no such upload", key=key)
        return f"{self.root}/{token}/{_DATA}", f"{self.root}/{token}/{_PARTS}"

    def parts(self, bucket: Bucket, key: str, token: str) -> list[Part]:
        """The durable parts, by number."""
        data, path = self.paths(token, key)
        with Journal.opened(path, bucket, key) as journal:
            if not os.path.exists(data):
                raise NotFound("there is no such upload", key=key)
            return [entry.part for entry in journal.entries().values()]

    def place(self, bucket: Bucket, key: str, token: str, part: Part) -> tuple[str, Entry]:
        """The file that a durable part is in, and where.

        Raises:
            InvalidPart: there is no such part.
            NotFound: there is no such upload.
        """
        data, path = self.paths(token, key)
        with Journal.opened(path, bucket, key) as journal:
            entry = journal.neighbours(part.number)[1]
        if entry is None or entry.part != part:
            raise InvalidPart(f"there is no such part {part.number}", part=part.number)
        return data, entry

    def complete(
        self, bucket: Bucket, key: str, token: str, parts: Sequence[Part], target: str
    ) -> ObjectInfo:
        """Move the data to the object's place, `target`.

        Raises:
            InvalidPart, NotFound: as `Multipart.complete`.
        """
        data, path = self.paths(token, key)
        with Journal.opened(path, bucket, key) as journal, journal.ending():
            try:
                descriptor = os.open(data, os.O_RDWR | os.O_NOFOLLOW)
            except FileNotFoundError as error:
                raise NotFound("there is no such upload", key=key) from error
            try:
                size = _checked(journal, parts)
                _cut(descriptor, journal, parts, size)
                os.fchmod(descriptor, os.fstat(descriptor).st_mode & _READ_ONLY)
                stamp(descriptor)
                os.fsync(descriptor)
                status = os.fstat(descriptor)
            finally:
                os.close(descriptor)
            self._folders.publish(data, target, if_absent=False)
            self._remove(token)
        return info_of(key, status)

    def abort(self, bucket: Bucket, key: str, token: str) -> None:
        """Remove an upload; none is no error."""
        try:
            data, path = self.paths(token, key)
            with Journal.opened(path, bucket, key) as journal, journal.ending():
                with suppress(FileNotFoundError):
                    os.unlink(data)
                self._remove(token)
        except NotFound:
            return
        sync_folder(self.root)

    def sweep(self) -> int:
        """Remove what crashes left, and uploads that were forgotten; how many there were."""
        with os.scandir(self.root) as entries:
            tokens = [entry.name for entry in entries if _TOKEN.fullmatch(entry.name)]
        return sum(self._removed_if_dead(token) for token in tokens)

    def _removed_if_dead(self, token: str) -> bool:
        folder = f"{self.root}/{token}"
        try:
            data = _modified(f"{folder}/{_DATA}")
            last = max(data or 0.0, _modified(f"{folder}/{_PARTS}") or 0.0)
            age = time.time() - (last or os.stat(folder).st_mtime)
        except FileNotFoundError:
            return False
        if age < (_EMPTY_S if data is None else FORGOTTEN_AFTER.total_seconds()):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True

    def _remove(self, token: str) -> None:
        """Remove an upload's folder, which holds no data any more. A crash leaves it to `sweep`."""
        with suppress(FileNotFoundError):
            os.unlink(f"{self.root}/{token}/{_PARTS}")
        with suppress(OSError):
            os.rmdir(f"{self.root}/{token}")


def _checked(journal: Journal, parts: Sequence[Part]) -> int:
    """The bytes of an object of these parts.

    Raises:
        InvalidPart: they make none.
    """
    size = RULES.check_all(parts)
    entries = journal.entries()
    position = 0
    for part in parts:
        position = _follows(entries, part, position)
    return size


def _follows(entries: Mapping[int, Entry], part: Part, position: int) -> int:
    entry = entries.get(part.number)
    if entry is None or entry.part != part:
        raise InvalidPart(f"there is no such part {part.number}", part=part.number)
    if entry.offset != position:
        raise InvalidPart(
            f"part {part.number} does not begin where the one before it ends",
            part=part.number,
            limit=position,
            value=entry.offset,
        )
    return entry.end


def _cut(descriptor: int, journal: Journal, parts: Sequence[Part], size: int) -> None:
    """Cut off the bytes behind the object: parts that were not wanted, or not finished."""
    there = os.fstat(descriptor).st_size
    if there < size:
        raise EngineError("The upload's file is shorter than its parts.", limit=size, value=there)
    if there > size:
        # Should the power fail in between, the journal must not name bytes that are gone.
        journal.erase(journal.entries().keys() - {part.number for part in parts})
        os.ftruncate(descriptor, size)


def _modified(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None
