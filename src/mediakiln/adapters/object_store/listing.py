"""Walking a folder tree in the order of keys."""

import os
from collections.abc import Iterator

from mediakiln.adapters.object_store.files import info_of
from mediakiln.ports.object_store import ObjectInfo

WINDOW = 100_000
"""Names of one folder held in memory; a larger folder is read again for each further window."""


def walk(top: str, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
    """Objects below `top` whose key begins with `prefix` and sorts after `start_after`.

    In the byte order of their whole keys, which is code point order: a folder therefore sorts as
    if its name ended in a slash. What disappears meanwhile may be missing.
    """
    base = prefix[: prefix.rfind("/") + 1]
    levels = [_names(top, base, prefix, start_after)]
    while levels:
        key = next(levels[-1], None)
        if key is None:
            levels.pop()
        elif key.endswith("/"):
            levels.append(_names(top, key, prefix, start_after))
        else:
            try:
                yield info_of(key, os.lstat(f"{top}/{key}"))
            except FileNotFoundError:
                continue


def _names(top: str, base: str, prefix: str, start_after: str) -> Iterator[str]:
    """The keys in one folder, and its folders with a slash behind, in order, window by window."""
    last = ""
    while True:
        window: list[str] = []
        cut = False
        for key in _entries(top, base):
            if key <= last or not key.startswith(prefix) or not _reaches(key, start_after):
                continue
            window.append(key)
            if len(window) >= 2 * WINDOW:
                window = sorted(window)[:WINDOW]
                cut = True
        window.sort()
        if not cut:
            yield from window
            return
        yield from window[:WINDOW]
        last = window[WINDOW - 1]


def _reaches(key: str, start_after: str) -> bool:
    return key > start_after or (key.endswith("/") and start_after.startswith(key))


def _entries(top: str, base: str) -> Iterator[str]:
    try:
        folder = os.scandir(f"{top}/{base}")
    except (FileNotFoundError, NotADirectoryError):
        return
    with folder:
        for entry in folder:
            if not _is_unicode(entry.name):
                continue
            if entry.is_file(follow_symlinks=False):
                yield base + entry.name
            elif entry.is_dir(follow_symlinks=False):
                yield f"{base}{entry.name}/"


def _is_unicode(name: str) -> bool:
    """Whether a file's name can be part of a key; others were not written by a store."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
