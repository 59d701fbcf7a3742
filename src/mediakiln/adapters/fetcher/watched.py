"""Files in a folder that others write to: which there are, which are complete, and moving them."""

import json
import os
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from mediakiln.adapters.fetcher.folder import chunks_of, open_below
from mediakiln.model.errors import FetchFailed, TooLarge
from mediakiln.ports.fetcher import Fetched

DONE: Final = "done"
FAILED: Final = "failed"
PROBLEM: Final = ".problem.json"

_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp", ".swp", "~")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file as it was seen; another time, size or inode is another file.

    Attributes:
        key: its path below the folder.
        settled: its last change was of its name, its times or its rights, and not of its bytes,
            so that whoever wrote it had written it elsewhere before.
    """

    key: str
    device: int
    inode: int
    mtime_ns: int
    size: int
    settled: bool = False

    @property
    def fingerprint(self) -> str:
        """The same for as long as nobody writes to the file."""
        said = f"{self.key}\0{self.inode}\0{self.mtime_ns}\0{self.size}"
        return blake2b(said.encode(errors="surrogateescape"), digest_size=20).hexdigest()

    def same_as(self, other: "Sighting | None") -> bool:
        """Whether nobody has written since."""
        return other is not None and self.fingerprint == other.fingerprint


def wanted(key: str) -> bool:
    """Whether a name is one of a file that is meant to be taken in."""
    parts = key.split("/")
    name = parts[-1]
    return (
        parts[0] not in {DONE, FAILED}
        and not any(part.startswith(".") for part in parts)
        and not name.startswith("~$")
        and not name.lower().endswith(_UNFINISHED)
        and not name.endswith(PROBLEM)
        and name.isprintable()
    )


def look(root: Path, key: str) -> Sighting | None:
    """A plain file as it is now; None where there is none, or only a link."""
    try:
        status = (root / key).lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return _sighting(key, status)


def scan(root: Path) -> Iterator[Sighting]:
    """Every plain file below a folder that is wanted; links are not followed.

    Raises:
        OSError: the folder itself cannot be read.
    """
    yield from _scan(os.scandir(root), "")


def folders(root: Path) -> list[Path]:
    """The folder and all below it in which wanted files may be; links are not followed.

    Raises:
        OSError: the folder itself cannot be read.
    """
    return [root, *_folders(os.scandir(root), "")]


def writers() -> tuple[set[tuple[int, int]], bool]:
    """The files that processes have open for writing, as (device, inode), and if these are all.

    Of other users' processes the kernel tells nothing, and without /proc of none.
    """
    found: set[tuple[int, int]] = set()
    complete = True
    try:
        processes = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names are enough
    except OSError:
        return found, False
    for process in processes:
        try:
            for descriptor in os.listdir(f"/proc/{process}/fd"):  # noqa: PTH208 - as above
                _note_writer(process, descriptor, found)
        except PermissionError:
            complete = False
        except OSError:  # it has ended
            continue
    return found, complete


@asynccontextmanager
async def opened(root: Path, seen: Sighting, *, max_bytes: int) -> AsyncIterator[Fetched]:
    """The file that was seen.

    Raises:
        FetchRefused: it is gone, or something else.
        FetchFailed: it was written to since, or while it was read.
        TooLarge: it has more than `max_bytes`.
    """
    if seen.size > max_bytes:
        raise TooLarge(
            f"the file is larger than {max_bytes} bytes", limit=max_bytes, value=seen.size
        )
    descriptor = open_below(root, seen.key)
    try:
        _check(descriptor, seen)
        yield Fetched(
            chunks=_whole(descriptor, seen), name=seen.key.rpartition("/")[2], size=seen.size
        )
    finally:
        os.close(descriptor)


def set_aside(root: Path, seen: Sighting, folder: str) -> Path | None:
    """Move a file to `done/` or `failed/`, over nothing that is there; None if it changed."""
    if not seen.same_as(look(root, seen.key)):
        return None
    target = root / folder / seen.key
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    while os.path.lexists(target):
        number += 1
        target = target.with_name(f"{Path(seen.key).stem}-{number}{Path(seen.key).suffix}")
    (root / seen.key).rename(target)
    return target


def delete(root: Path, seen: Sighting) -> None:
    """Delete a file, unless it changed."""
    if seen.same_as(look(root, seen.key)):
        (root / seen.key).unlink(missing_ok=True)


def explain(file: Path, problem: Mapping[str, Any]) -> None:
    """Write why a file was refused beside it."""
    beside = file.with_name(f"{file.name}{PROBLEM}")
    part = beside.with_name(f".{beside.name}.part")
    part.write_text(json.dumps(problem, indent=2, ensure_ascii=False) + "\n")
    part.replace(beside)


async def _whole(descriptor: int, seen: Sighting) -> AsyncIterator[bytes]:
    async for chunk in chunks_of(descriptor, seen.size):
        yield chunk
    _check(descriptor, seen)


def _check(descriptor: int, seen: Sighting) -> None:
    if not seen.same_as(_sighting(seen.key, os.fstat(descriptor))):
        raise FetchFailed("the file was written to since it was seen")


def _sighting(key: str, status: os.stat_result) -> Sighting:
    return Sighting(
        key,
        status.st_dev,
        status.st_ino,
        status.st_mtime_ns,
        status.st_size,
        settled=status.st_ctime_ns > status.st_mtime_ns,
    )


def _scan(entries: Any, above: str) -> Iterator[Sighting]:
    with entries:
        for entry in entries:
            key = f"{above}{entry.name}"
            try:
                if entry.is_dir(follow_symlinks=False):
                    if wanted(key):
                        yield from _scan(os.scandir(entry.path), f"{key}/")
                elif entry.is_file(follow_symlinks=False) and wanted(key):
                    yield _sighting(key, entry.stat(follow_symlinks=False))
            except OSError:  # it went away, or is not for us
                continue


def _folders(entries: Any, above: str) -> Iterator[Path]:
    with entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False) and wanted(key := f"{above}{entry.name}"):
                    yield Path(entry.path)
                    yield from _folders(os.scandir(entry.path), f"{key}/")
            except OSError:
                continue


def _note_writer(process: str, descriptor: str, found: set[tuple[int, int]]) -> None:
    try:
        with Path(f"/proc/{process}/fdinfo/{descriptor}").open() as info:
            flags = next(int(line[6:], 8) for line in info if line.startswith("flags:"))
        if flags & os.O_ACCMODE == os.O_RDONLY:
            return
        status = Path(f"/proc/{process}/fd/{descriptor}").stat()
    except (OSError, StopIteration):
        return
    if stat.S_ISREG(status.st_mode):
        found.add((status.st_dev, status.st_ino))
