import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediakiln.ports.folders import removed
from mediakiln.sandbox import meter
from support.waiting import until

MIB = 1024 * 1024
CHILD = """
import subprocess, sys, threading, time
held = b"x" * (64 * 1024 * 1024)
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
while True:
    pass
"""


@pytest.fixture
def busy() -> Iterator[int]:
    """A process with a thread, a child, 64 MiB and a processor to itself."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        os.killpg(process.pid, 9)


def test_a_tree_is_summed(busy: int) -> None:
    before = meter.usage(busy)
    assert len(before.rss) == 2
    assert before.tasks == 3
    assert before.rss_bytes > 64 * MIB
    until(lambda: meter.usage(busy).cpu_s > before.cpu_s)


def test_proportional_memory_is_at_most_the_resident(busy: int) -> None:
    found = meter.usage(busy)
    assert 64 * MIB < meter.proportional_bytes(found) <= found.rss_bytes + MIB


def test_a_process_that_cannot_be_looked_into_counts_in_full() -> None:
    gone = meter.Usage(rss={2**22 + 1: 5 * MIB}, tasks=1, cpu_s=0.0)
    assert meter.proportional_bytes(gone) == 5 * MIB


def test_a_process_that_is_gone_uses_nothing() -> None:
    found = meter.usage(2**22 + 1)
    assert (found.rss_bytes, found.tasks, found.cpu_s) == (0, 0, 0.0)


def test_a_folder_is_what_it_takes_on_disk(tmp_path: Path) -> None:
    empty = meter.folder_bytes(tmp_path)
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/full").write_bytes(os.urandom(2 * MIB))
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1024 * MIB)
    (tmp_path / "loop").symlink_to(tmp_path)
    os.sync()
    assert 2 * MIB <= meter.folder_bytes(tmp_path) - empty < 3 * MIB


def test_a_folder_that_is_gone_takes_nothing(tmp_path: Path) -> None:
    assert meter.folder_bytes(tmp_path / "missing") == 0


def test_too_many_entries_are_endlessly_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "MAX_FILES_SEEN", 10)
    for number in range(11):
        (tmp_path / str(number)).touch()
    assert meter.folder_bytes(tmp_path) > 2**60


def test_a_file_of_several_names_takes_its_space_once(tmp_path: Path) -> None:
    for name in ("scratch", "kept"):
        (tmp_path / name).mkdir()
    (tmp_path / "scratch/a").write_bytes(os.urandom(2 * MIB))
    (tmp_path / "scratch/b").hardlink_to(tmp_path / "scratch/a")
    (tmp_path / "kept/1").hardlink_to(tmp_path / "scratch/a")
    os.sync()
    both = meter.folder_bytes(tmp_path / "scratch", tmp_path / "kept")
    assert 2 * MIB <= both < 3 * MIB
    (tmp_path / "scratch/a").unlink()
    (tmp_path / "scratch/b").unlink()
    assert meter.folder_bytes(tmp_path / "scratch", tmp_path / "kept") >= 2 * MIB


def test_what_lies_too_deep_to_be_seen_is_endlessly_much(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=at)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    assert meter.folder_bytes(tmp_path) == meter.ENDLESS
    removed(tmp_path / ("d" * 200))


def test_a_folder_that_may_not_be_seen_is_endlessly_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("shut"):
            raise PermissionError(errno.EACCES, "as for whoever is not root")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert meter.folder_bytes(tmp_path) == meter.ENDLESS


def test_files_without_a_name_are_found_while_they_are_open(tmp_path: Path) -> None:
    before = meter.unlinked_bytes([os.getpid()])
    with (tmp_path / "x").open("wb") as file:
        file.write(os.urandom(MIB))
        file.flush()
        os.fsync(file.fileno())
        assert meter.unlinked_bytes([os.getpid()]) == before
        (tmp_path / "x").unlink()
        assert meter.unlinked_bytes([os.getpid()]) - before >= MIB
    assert meter.unlinked_bytes([os.getpid()]) == before
