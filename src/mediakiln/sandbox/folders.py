"""Folders that a living child can write to, handled without following any link."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def linked(files: Sequence[Path], there: list[Path]) -> list[Path]:
    """Second names, or copies of what lies on another file system or is not ours."""
    for path, name in zip(files, there, strict=True):
        try:
            os.link(path, name, follow_symlinks=False)
        except OSError:
            shutil.copyfile(path, name)
    return there


@contextmanager
def opened(folder: Path | str, above: int | None = None) -> Iterator[int]:
    """A folder's descriptor.

    Raises:
        OSError: it is a link, or no folder.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def cleared(folder: int, *, keep: str) -> None:
    """Remove all that lies in a folder but one name."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if name == keep:
            continue
        if is_folder:
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
