"""The folders that keys imply: made when an object needs them, removed when none does.

Writers and removers do not lock each other out. A writer whose folder was removed under it makes
the folder again; a remover takes empty folders only, which the file system checks.
"""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress

from mediakiln.adapters.object_store.files import sync_folder
from mediakiln.model.errors import AlreadyExists, EngineError, NotSupported

_TRIES = 1000
_REMEMBERED = 100_000
_IN_USE = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY})


class Folders:
    """Gives drafts their keys' places, durably."""

    def __init__(self, tops: frozenset[str]) -> None:
        """Args: tops: the buckets' folders, which stay and are durable already."""
        self._tops = tops
        self._durable: dict[str, int] = {}

    def publish(self, draft: str, target: str, *, if_absent: bool) -> None:
        """Move a sealed draft to its place, and make that durable.

        Raises:
            AlreadyExists: `if_absent` and there is an object.
            NotSupported: an object stands where the key needs a folder, or the reverse.
        """
        folder = os.path.dirname(target)
        for _ in range(_TRIES):
            try:
                _place(draft, target, if_absent=if_absent)
            except FileNotFoundError:
                _make_folders(folder)
            else:
                self._sync(folder)
                return
        raise EngineError("The object's folder could not be kept in place.")

    def prune(self, folders: Iterable[str]) -> None:
        """Remove folders, and those above them, as far as they are empty; make that durable."""
        remaining = {self._pruned(folder) for folder in folders}
        for folder in remaining:
            with suppress(FileNotFoundError):
                sync_folder(folder)

    def _pruned(self, folder: str) -> str:
        """Remove a folder and those above it while they are empty; the first that stays."""
        while folder not in self._tops:
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno in _IN_USE:
                    break
                raise
            self._durable.pop(folder, None)
            folder = os.path.dirname(folder)
        return folder

    def _sync(self, folder: str) -> None:
        """Make an entry in `folder` durable, and the folder itself where that is not known.

        A folder is known by its inode, since another process may have removed and remade it.
        """
        found: dict[str, int] = {}
        while True:
            try:
                inode = sync_folder(folder)
            except FileNotFoundError:  # deleted again meanwhile, and the folder pruned
                break
            if folder in self._tops or self._durable.get(folder) == inode:
                break
            found[folder] = inode
            folder = os.path.dirname(folder)
        if len(self._durable) > _REMEMBERED:
            self._durable.clear()
        self._durable.update(found)


def _place(draft: str, target: str, *, if_absent: bool) -> None:
    try:
        if if_absent:
            os.link(draft, target)
        else:
            os.replace(draft, target)
    except FileExistsError as error:
        if stat.S_ISDIR(os.lstat(target).st_mode):
            raise NotSupported(_OBJECT_OR_FOLDER) from error
        raise AlreadyExists from error
    except (IsADirectoryError, NotADirectoryError) as error:
        raise NotSupported(_OBJECT_OR_FOLDER) from error


def _make_folders(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except FileNotFoundError:  # one above was pruned meanwhile: the caller tries again
        return
    except (FileExistsError, NotADirectoryError) as error:
        raise NotSupported(_OBJECT_OR_FOLDER) from error


_OBJECT_OR_FOLDER = "On a file system a key is either an object or a folder of others, not both."
