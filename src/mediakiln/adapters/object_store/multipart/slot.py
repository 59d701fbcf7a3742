"""One part's place in its upload's file, while somebody writes it."""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from blake3 import blake3

from mediakiln.adapters.object_store.files import free_range
from mediakiln.adapters.object_store.multipart.inplace import RULES, InPlaceUploads
from mediakiln.adapters.object_store.multipart.journal import Entry, Journal
from mediakiln.adapters.object_store.multipart.locks import release, try_lock
from mediakiln.adapters.object_store.output import Output
from mediakiln.model.errors import InvalidPart, NotFound, NotSupported, UploadBusy
from mediakiln.model.keys import Bucket
from mediakiln.ports.multipart import Part

_TOO_FAR = frozenset({errno.EFBIG, errno.EINVAL, errno.EOVERFLOW})


class Slot:
    """A part in the making. Its calls come one at a time, and may raise `OSError`.

    Until `close` it holds two locks: on the part's number and on its range of bytes. So of two
    writers one is refused, whether they name the same part or overlapping ones.
    """

    def __init__(
        self,
        uploads: InPlaceUploads,
        bucket: Bucket,
        key: str,
        token: str,
        entry: tuple[int, int, int | None],
    ) -> None:
        """Args: entry: the part's number, offset, and size if that is known."""
        self._uploads = uploads
        self._place = (bucket, key, token)
        self._number, self._offset, self._announced = entry
        self._limit = self._announced or RULES.max_bytes
        self._size = 0
        self._reach = 0
        self._digest = blake3()
        self._path = ""
        self._journal: Journal | None = None
        self._descriptor = -1
        self._output: Output | None = None
        self._replaces = False

    def open(self) -> None:
        """Take the place.

        Raises:
            NotFound: there is no such upload.
            UploadBusy: somebody else is writing there.
            InvalidPart: it lies over a neighbour, or beyond what the file system can hold.
        """
        bucket, key, token = self._place
        self._path, path = self._uploads.paths(token, key)
        journal = self._journal = Journal.open(path, bucket, key)
        try:
            if not journal.claim(self._number):
                self._busy()
            self._descriptor = self._opened()
            self._output = Output(self._descriptor, self._offset)
            self._take_range(journal)
        except BaseException:
            self.close()
            raise

    def write(self, pieces: Sequence[bytes | bytearray]) -> None:
        """Write bytes behind those that were written.

        Raises:
            NotFound: the upload was completed or aborted.
            InvalidPart: these are more than were announced, or than fit.
        """
        for piece in pieces:
            self._digest.update(piece)
        size = self._size + sum(len(piece) for piece in pieces)
        if size > self._limit:
            raise InvalidPart(
                "more bytes came than the part has", part=self._number, limit=self._limit
            )
        journal, output = self._held()
        with journal.writing():
            self._check_alive()
            if self._replaces and self._is_there(pieces):
                output.skip(size - self._size)
            else:
                self._put(journal, output, pieces)
        self._size = size

    def _is_there(self, pieces: Sequence[bytes | bytearray]) -> bool:
        """Whether these are the bytes of the part that is replaced, so far.

        A part that is sent again is mostly the same. It then stays acknowledged, even if this
        time it breaks off or is refused.
        """
        place = self._offset + self._size
        for piece in pieces:
            if os.pread(self._descriptor, len(piece), place) != piece:
                return False
            place += len(piece)
        return True

    def _put(self, journal: Journal, output: Output, pieces: Sequence[bytes | bytearray]) -> None:
        if self._replaces:
            journal.erase([self._number])
            self._replaces = False
        self._reach = self._size + sum(len(piece) for piece in pieces)
        try:
            output.write(pieces)
        except OSError as error:
            if error.errno == errno.EFBIG:
                self._too_far(error)
            raise

    def commit(self) -> Part:
        """Make the part durable.

        Raises:
            NotFound: the upload was completed or aborted.
            InvalidPart: bytes are missing.
        """
        if self._size != (self._announced or max(self._size, 1)):
            raise InvalidPart(f"{self._size} bytes came", part=self._number, limit=self._announced)
        if self._announced is None:
            # The part is as long as it is: who writes the next one need not wait for the disk.
            release(self._descriptor, self._offset + self._size)
        journal, output = self._held()
        with journal.writing():
            self._check_alive()
            output.flush()
        os.fdatasync(self._descriptor)
        part = Part(self._number, self._size, self._digest.hexdigest())
        with journal.writing():
            self._check_alive()
            self._reach = 0  # whatever becomes of this, the journal may name the bytes now
            journal.write(Entry(part, self._offset))
        return part

    @property
    def unfinished(self) -> bool:
        """Whether there are bytes of no part yet."""
        return self._reach > 0

    def give_back(self) -> None:
        """Free the space of bytes that did not become a part: they may have filled the disk."""
        if self._journal is None or self._descriptor < 0:
            return
        with self._journal.writing(), suppress(NotFound):
            self._check_alive()
            free_range(self._descriptor, self._offset, self._reach)
        self._reach = 0

    def close(self) -> None:
        """Give the place up. Safe to call again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        if self._journal is not None:
            self._journal.close()

    def _opened(self) -> int:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise self._gone() from error
        try:
            # A file system refuses to go where it can never have bytes.
            os.lseek(descriptor, self._offset + (self._announced or 1) - 1, os.SEEK_SET)
            os.lseek(descriptor, self._offset, os.SEEK_SET)
        except OSError as error:
            os.close(descriptor)
            if error.errno in _TOO_FAR:
                self._too_far(error)
            raise
        return descriptor

    def _take_range(self, journal: Journal) -> None:
        if not try_lock(self._descriptor, self._offset, self._announced or 0):
            self._busy()
        # Who wrote there before us is in the journal by now, or has given up.
        below, same, above = journal.neighbours(self._number)
        self._replaces = same is not None
        if above is not None:
            self._limit = min(self._limit, above.offset - self._offset)
        begins_early = below is not None and below.end > self._offset
        if begins_early or self._limit < (self._announced or 1):
            raise InvalidPart(
                f"part {self._number} lies over another part's bytes",
                part=self._number,
                field="offset",
                value=self._offset,
                hint="parts of ascending numbers follow one another",
            )

    def _check_alive(self) -> None:
        """Look whether the file is still the upload's, and not an object or removed."""
        try:
            there = os.stat(self._path)
        except FileNotFoundError as error:
            raise self._gone() from error
        if not os.path.samestat(there, os.fstat(self._descriptor)):
            raise self._gone()

    def _held(self) -> tuple[Journal, Output]:
        if self._journal is None or self._output is None or self._descriptor < 0:
            raise NotSupported("The writer is closed.", part=self._number)
        return self._journal, self._output

    def _busy(self) -> NoReturn:
        raise UploadBusy(f"part {self._number} is being written", part=self._number)

    def _too_far(self, error: OSError) -> NoReturn:
        raise InvalidPart(
            "the store's file system takes no file so large",
            part=self._number,
            value=self._offset + (self._announced or 1),
            hint="XFS and ZFS take larger files than ext4, which ends at 16 TiB",
        ) from error

    def _gone(self) -> NotFound:
        return NotFound("the upload was completed or aborted", key=self._place[1])
