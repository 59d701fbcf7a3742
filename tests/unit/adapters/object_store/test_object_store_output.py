"""Files written past the system's cache: whatever the pieces, the bytes are the bytes."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediakiln.adapters.object_store import output
from mediakiln.adapters.object_store.output import Output
from mediakiln.testing.object_store_tools import pattern

MIB = 1 << 20
DATA = pattern(6 * MIB)
START = 8 * MIB
"""From there on the cache is left out."""


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    yield opened
    os.close(opened)


def pieces(seed: int) -> Iterator[list[bytes]]:
    """The data in writes of pieces, some tiny, some on the edges of pages and buffers."""
    sizes, at, turn = [1, 100, 4095, 4096, 70_000, MIB, 2 * MIB + 5], 0, seed
    while at < len(DATA):
        found = []
        for _ in range(1 + turn % 3):
            turn = (turn * 5 + 3) % 127
            size = sizes[turn % len(sizes)]
            found.append(DATA[at : at + size])
            at += size
        yield found


def write(descriptor: int, place: int, seed: int = 0) -> None:
    made = Output(descriptor, place)
    for each in pieces(seed):
        made.write(each)
    made.flush()


@pytest.mark.parametrize("place", [0, START - MIB, START, START + 1, START + 4095])
def test_pieces_of_any_size_lie_one_behind_the_other(descriptor: int, place: int) -> None:
    for seed in range(4):
        os.ftruncate(descriptor, 0)
        write(descriptor, place, seed)
        assert os.fstat(descriptor).st_size == place + len(DATA)
        assert os.pread(descriptor, len(DATA), place) == DATA


def test_neighbours_share_a_page(descriptor: int) -> None:
    cut = 2 * MIB + 777
    behind, before = Output(descriptor, START + cut), Output(descriptor, START)
    behind.write([DATA[cut:]])
    before.write([DATA[:cut]])
    before.flush()
    behind.flush()
    assert os.pread(descriptor, len(DATA), START) == DATA


def test_what_is_there_already_is_left_out(descriptor: int) -> None:
    made = Output(descriptor, START)
    made.skip(1000)
    made.write([DATA])
    made.flush()
    assert os.pread(descriptor, 1000 + len(DATA), START) == bytes(1000) + DATA


@pytest.mark.parametrize("refused", ["by flag", "by write"])
def test_a_file_system_that_does_not_know_of_it_takes_the_bytes_as_ever(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def not_here(*_: Any) -> int:
        monkeypatch.undo()
        raise OSError(errno.EINVAL, "not here")

    made = Output(descriptor, START)
    if refused == "by flag":
        monkeypatch.setattr(output, "_set_flags", not_here)
    else:
        monkeypatch.setattr(os, "pwrite", not_here)
    for each in pieces(5):
        made.write(each)
    made.flush()
    assert os.pread(descriptor, len(DATA), START) == DATA


def test_a_full_disk_is_told(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="full"):
        Output(descriptor, START).write([DATA])
