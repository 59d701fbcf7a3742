"""What a job uses, read from /proc by the worker: see proc_pid_stat(5)."""

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_BLOCK_BYTES = 512
_PSS = re.compile(rb"^Pss:\s+(\d+) kB$", re.MULTILINE)
_READ_BYTES = 64 * 1024
MAX_PROCESSES_SEEN = 1_000
MAX_FILES_SEEN = 100_000
ENDLESS = (1 << 63) - 1
_HIDDEN = frozenset({errno.EACCES, errno.ENAMETOOLONG})
"""What keeps a folder from being looked into that is there."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The sum over a process and all its descendants."""

    rss: dict[int, int]
    """Resident bytes by process id; pages shared by several processes count for each."""
    tasks: int
    """Processes and threads."""
    cpu_s: float
    """Of those alive, and of those that ended and were waited for."""

    @property
    def rss_bytes(self) -> int:
        """The sum; an upper bound of the memory taken."""
        return sum(self.rss.values())


def _read(path: str) -> bytes:
    """A whole file of /proc, in one read as its fields belong together; empty if it is gone."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, _READ_BYTES)
    except OSError:
        return b""
    finally:
        os.close(file)


def tree(pid: int) -> list[int]:
    """The process and its descendants, up to 1,000 of them."""
    found = [pid]
    for each in found:
        if len(found) >= MAX_PROCESSES_SEEN:
            break
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{each}/task"):  # noqa: PTH208 - ten times a second
                found += map(int, _read(f"/proc/{each}/task/{thread}/children").split())
    return found


def usage(pid: int) -> Usage:
    """What the process and its descendants use now."""
    rss: dict[int, int] = {}
    tasks, ticks = 0, 0
    for each in tree(pid):
        # Fields are counted from 3 after the command's name, which may hold anything.
        if fields := _read(f"/proc/{each}/stat").rpartition(b") ")[2].split():
            ticks += sum(int(field) for field in fields[11:15])
            tasks += int(fields[17])
            rss[each] = int(fields[21]) * _PAGE_BYTES
    return Usage(rss, tasks, ticks / _TICKS_PER_S)


def resident_bytes(pid: int) -> int:
    """What one process has resident, without those that it started; 0 if it is gone."""
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE_BYTES if fields else 0


def proportional_bytes(usage: Usage) -> int:
    """Resident memory in which a page shared by n processes counts 1/n for each.

    Takes milliseconds per gigabyte, so it is asked only when `rss_bytes` looks too much. A
    process that may not be looked into counts with all it has resident.
    """
    total = 0
    for pid, resident in usage.rss.items():
        found = _PSS.search(_read(f"/proc/{pid}/smaps_rollup"))
        total += int(found[1]) * 1024 if found else resident
    return total


def folder_bytes(*folders: Path) -> int:
    """Disk space taken by everything under the folders; links are not followed.

    A file of several names counts once. Beyond 100,000 entries, or where one lies too deep or
    behind rights that were taken away, it is infinite in effect: the largest integer of 63 bits.
    """
    total, seen = 0, 0
    several: set[tuple[int, int]] = set()
    waiting = [str(folder) for folder in folders]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    seen += 1
                    with suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
                            if (status.st_dev, status.st_ino) in several:
                                continue
                            several.add((status.st_dev, status.st_ino))
                        total += status.st_blocks * _BLOCK_BYTES
                        if stat.S_ISDIR(status.st_mode):
                            waiting.append(entry.path)
                    if seen > MAX_FILES_SEEN:
                        return ENDLESS
        except OSError as error:
            if error.errno in _HIDDEN:
                return ENDLESS
    return total


def unlinked_bytes(pids: Iterable[int]) -> int:
    """Space of files that these processes keep open but no folder names any more."""
    sizes = {(s.st_dev, s.st_ino): s.st_blocks * _BLOCK_BYTES for s in _open_files(pids)}
    return sum(sizes.values())


def _open_files(pids: Iterable[int]) -> Iterator[os.stat_result]:
    for pid in pids:
        with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        yield status
