"""Streaming out of a local object."""

import os
import stat

from mediakiln.adapters.object_store.files import translated
from mediakiln.model.errors import EngineError, ObjectMissing

CHUNK = 1 << 20


def open_object(path: str, key: str) -> tuple[int, int]:
    """Open an object for reading: its descriptor and its size in bytes.

    Raises:
        ObjectMissing: there is no such object.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ObjectMissing(key=key) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ObjectMissing(key=key)
    return descriptor, status.st_size


class Reader:
    """Reads a range of an object in chunks; the bytes are those of the moment it was opened.

    Its calls come one at a time. It opens at the first read and closes itself after the last, so
    that a small object takes one thread hop.
    """

    def __init__(self, path: str, key: str, start: int, end: int | None) -> None:
        self._path = path
        self._key = key
        self._position = start
        self._end = end
        self._descriptor = -1
        self.finished = False

    def read(self) -> bytes:
        """The next chunk, of up to 1 MiB; empty when the range lies behind the object's end."""
        with translated(self._key):
            try:
                return self._read()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Let go of the file. Safe to call again."""
        self.finished = True
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _read(self) -> bytes:
        if self._descriptor < 0:
            self._descriptor, size = open_object(self._path, self._key)
            self._end = size if self._end is None else min(self._end, size)
        end = self._end or 0
        wanted = min(CHUNK, max(end - self._position, 0))
        data = os.pread(self._descriptor, wanted, self._position) if wanted else b""
        if wanted and not data:
            raise EngineError("The object's file was cut short.", key=self._key)
        self._position += len(data)
        if self._position >= end:
            self.close()
        return data
