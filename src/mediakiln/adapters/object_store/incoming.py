"""Files being written, before they are objects.

Each store that writes has a folder of its own under `.incoming/`, with a file it holds a lock on
for as long as its process lives. A folder whose lock can be had belongs to the dead.
"""

import errno
import fcntl
import os
import secrets
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress

from mediakiln.adapters.object_store.files import copy_all, open_regular, stamp
from mediakiln.adapters.object_store.output import Output
from mediakiln.model.errors import EngineMisconfigured

_LOCK = "lock"
_READ_ONLY = 0o444
_ODD_MOMENT = 1_000_000_001
_OWN_LINKS = 2
"""A file's links when it has one name besides its draft's."""
_COPY_INSTEAD = frozenset(
    {
        errno.EXDEV,
        errno.EMLINK,
        errno.EPERM,
        errno.EOPNOTSUPP,
        errno.ENOSYS,
        errno.ENOENT,  # the copy will tell what is missing
        errno.ENOTDIR,
    }
)


class Draft:
    """A file without a key yet. Its calls come one at a time."""

    def __init__(
        self, path: str, descriptor: int, *, stamped: bool = False, durable: bool = False
    ) -> None:
        """Wrap an open file.

        Args:
            path: its name among the drafts.
            descriptor: the open file, which the draft will close.
            stamped: keep its time of writing, for it is an object elsewhere.
            durable: its bytes are on the disk already.
        """
        self.path = path
        self._descriptor = descriptor
        self._stamped = stamped
        self._durable = durable
        self._output: Output | None = None

    def write(self, pieces: Sequence[bytes | bytearray]) -> None:
        """Append bytes."""
        if self._output is None:
            self._output = Output(self._descriptor)
        self._output.write(pieces)

    def fill(self, source: int, stop: threading.Event) -> None:
        """Copy a file's bytes in, given its descriptor."""
        copy_all(source, self._descriptor, stop)

    def seal(self) -> os.stat_result:
        """Make the bytes durable, and give what is known of the file."""
        if self._output is not None:
            self._output.flush()
        if not self._stamped:
            stamp(self._descriptor)
        if not self._durable:
            os.fsync(self._descriptor)
        status = os.fstat(self._descriptor)
        self._close()
        return status

    def discard(self) -> None:
        """Remove the file, unless it was moved to its place already."""
        self._close()
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Incoming:
    """One store's drafts, and the clearing away of those that dead processes left."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._guard = threading.Lock()
        self._folder: str | None = None
        self._lock = -1

    def create(self) -> Draft:
        """A new empty draft."""
        path = self._new_path()
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
        return Draft(path, os.open(path, flags, _READ_ONLY))

    def adopt(self, path: str, *, durable: bool = False) -> Draft | None:
        """A draft that shares a file's bytes by a link; None where they must be copied.

        A file of another user's is not shared, since its owner could change it.

        Args:
            path: the file.
            durable: it is an object already, so its bytes are on the disk and its time stays.

        Raises:
            InvalidRequest: it is not a plain file.
        """
        name = self._new_path()
        try:
            os.link(path, name, follow_symlinks=False)
        except OSError as error:
            if error.errno in _COPY_INSTEAD:
                return None
            raise
        try:
            descriptor = open_regular(name)
        except BaseException:
            os.unlink(name)
            raise
        status = os.fstat(descriptor)
        shared = status.st_nlink > _OWN_LINKS
        draft = Draft(name, descriptor, stamped=durable or shared, durable=durable)
        if durable or status.st_uid == os.geteuid():
            return draft
        draft.discard()
        return None

    def probe(self) -> None:
        """Find out whether the file system can do what the store needs.

        Raises:
            EngineMisconfigured: it has no hard links, or its times are too coarse to tell
                bytes apart.
        """
        draft = self.create()
        try:
            os.utime(draft.path, ns=(_ODD_MOMENT, _ODD_MOMENT))
            twin = self.adopt(draft.path)
            if twin is None:
                raise EngineMisconfigured("The store's file system has no hard links.")
            twin.discard()
            if os.stat(draft.path).st_mtime_ns != _ODD_MOMENT:
                raise EngineMisconfigured("The store's file system keeps no times in nanoseconds.")
        finally:
            draft.discard()

    def sweep(self) -> int:
        """Remove the folders of processes that are no more; how many there were."""
        with os.scandir(self._root) as entries:
            folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        return sum(_removed_if_dead(folder) for folder in folders)

    def release(self) -> None:
        """Give the folder up. A writer still open keeps its file, for a later sweep."""
        with self._guard:
            if self._folder is None:
                return
            folder, self._folder = self._folder, None
            with suppress(OSError):
                os.unlink(f"{folder}/{_LOCK}")
                os.rmdir(folder)
            os.close(self._lock)

    def _new_path(self) -> str:
        with self._guard:
            if self._folder is None:
                self._folder, self._lock = _claimed_folder(self._root)
            return f"{self._folder}/{secrets.token_hex(8)}"


def _claimed_folder(root: str) -> tuple[str, int]:
    """Make a folder and lock it; again where a sweep took it before it was locked."""
    while True:
        folder = f"{root}/{secrets.token_hex(8)}"
        os.mkdir(folder)
        try:
            lock = _opened_lock(folder)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_lock_of(folder, lock):
            return folder, lock
        os.close(lock)


def _removed_if_dead(folder: str) -> bool:
    try:
        lock = _opened_lock(folder)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(lock)


def _opened_lock(folder: str) -> int:
    return os.open(f"{folder}/{_LOCK}", os.O_CREAT | os.O_RDWR, 0o600)


def _is_lock_of(folder: str, lock: int) -> bool:
    try:
        return os.path.samestat(os.stat(f"{folder}/{_LOCK}"), os.fstat(lock))
    except FileNotFoundError:
        return False
