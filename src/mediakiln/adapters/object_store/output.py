"""Bytes on their way into a file: its beginning through the system's cache, the rest past it.

What has just come is looked at and worked on at once, so small files had better stay in memory.
The rest of large ones would push out what others read, and each of their pages costs the kernel
more than the disk does: past the cache (`O_DIRECT`, open(2)) they cost a tenth of the CPU.
"""

import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Sequence
from typing import Final

from mediakiln.adapters.object_store.files import write_all

_DIRECT: Final[int] = getattr(os, "O_DIRECT", 0)
_CACHED: Final = 8 << 20
"""Of each file."""
_WORTH: Final = 64 << 10
"""From how many bytes on a write goes past the cache."""
_ALIGNED: Final = 4096
"""What place, memory and size of such a write are multiples of: no disk asks for more."""
_BUFFER: Final = 2 << 20
_WRITEBACK: Final = 8 << 20

_own = threading.local()


class Output:
    """Writes from a place of a file on. Its calls come one at a time, and may raise `OSError`.

    What is short of a whole page waits for more, or for `flush`.

    Args:
        descriptor: the open file, whose position and flags are this object's until `flush`.
        place: where in the file the first byte goes.
    """

    def __init__(self, descriptor: int, place: int = 0) -> None:
        self._descriptor = descriptor
        self._place = place
        self._started = place
        self._held = b""
        self._possible = _DIRECT != 0
        self._flags = fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~_DIRECT

    def skip(self, size: int) -> None:
        """Leave bytes out that are there already; only before the first `write`."""
        self._place += size

    def write(self, pieces: Sequence[bytes | bytearray]) -> None:
        """Append bytes."""
        size = sum(len(piece) for piece in pieces)
        if self._possible and self._place >= _CACHED and size >= _WORTH:
            self._past(pieces)
        else:
            self._through(pieces)

    def flush(self) -> None:
        """Write what waits. It is in the file then, but durable only once that is synced."""
        if self._held:
            self._through(())
        self._set(self._flags)

    def _through(self, pieces: Sequence[bytes | bytearray]) -> None:
        self._set(self._flags)
        os.lseek(self._descriptor, self._place - len(self._held), os.SEEK_SET)
        given = [self._held, *pieces]
        self._held = b""
        self._place += write_all(self._descriptor, given) - len(given[0])
        self._start_writeback()

    def _past(self, pieces: Sequence[bytes | bytearray]) -> None:
        """Gather whole pages, for which the bytes are copied once, and write those."""
        left = self._on_a_page([memoryview(piece) for piece in pieces])
        start, buffer, filled = self._place - len(self._held), _buffer(), 0
        for view in (memoryview(self._held), *left):
            taken = 0
            while taken < len(view):
                size = min(len(view) - taken, _BUFFER - filled)
                buffer[filled : filled + size] = view[taken : taken + size]
                taken, filled = taken + size, filled + size
                if filled == _BUFFER:
                    self._put(buffer, start)
                    start, filled = start + filled, 0
        whole = filled - filled % _ALIGNED
        self._put(buffer[:whole], start)
        self._held = bytes(buffer[whole:filled])
        self._place = start + filled

    def _on_a_page(self, views: list[memoryview]) -> list[memoryview]:
        """Bring the place to the beginning of a page; gives what is left to write."""
        gap = 0 if self._held else -self._place % _ALIGNED
        while gap:
            head, views[0] = views[0][:gap], views[0][gap:]
            self._through([bytes(head)])
            gap -= len(head)
            views = views if views[0] else views[1:]
        return views

    def _put(self, view: memoryview, place: int) -> None:
        self._set(self._flags | _DIRECT if self._possible else self._flags)
        while view:
            try:
                written = os.pwrite(self._descriptor, view, place)
            except OSError as error:
                if error.errno != errno.EINVAL or not self._possible:
                    raise
                self._possible = False  # not on this file system after all
                self._set(self._flags)
                continue
            view, place = view[written:], place + written

    def _set(self, flags: int) -> None:
        if fcntl.fcntl(self._descriptor, fcntl.F_GETFL) == flags:
            return
        try:
            _set_flags(self._descriptor, flags)
        except OSError as error:
            if error.errno != errno.EINVAL or flags == self._flags:
                raise
            self._possible = False

    def _start_writeback(self) -> None:
        # Else the disk would idle until the sync. The advice starts writing dirty pages; these,
        # being under way, stay cached for whoever reads them next.
        behind = self._place - self._started
        if behind >= _WRITEBACK:
            os.posix_fadvise(self._descriptor, self._started, behind, os.POSIX_FADV_DONTNEED)
            self._started = self._place


def _set_flags(descriptor: int, flags: int) -> None:
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


def _buffer() -> memoryview:
    """This thread's own pages."""
    if not hasattr(_own, "buffer"):
        _own.buffer = memoryview(mmap.mmap(-1, _BUFFER))
    found: memoryview = _own.buffer
    return found
