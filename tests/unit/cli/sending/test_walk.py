"""Finding files costs little, however many there are."""

import tracemalloc
from pathlib import Path

from mediakiln.cli.sending.walk import Found, Unreadable, Wanted, walk


def test_ten_thousand_files_are_found_without_being_held(tmp_path: Path) -> None:
    for folder in range(10):
        (tmp_path / f"{folder}").mkdir()
        for number in range(1000):
            (tmp_path / f"{folder}" / f"{number}.jpg").touch()
    tracemalloc.start()
    try:
        found = sum(isinstance(item, Found) for item in walk([tmp_path], Wanted()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == 10_000
    assert peak < 500_000


def test_files_that_were_named_are_told_from_those_that_were_found(tmp_path: Path) -> None:
    (tmp_path / ".a.txt").write_bytes(b"12")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.txt").write_bytes(b"345")
    places = [tmp_path / ".a.txt", tmp_path / "in", tmp_path / "nix"]
    named, listed, missing = walk(places, Wanted())
    assert isinstance(named, Found)
    assert (named.size, named.listed) == (2, False)
    assert isinstance(listed, Found)
    assert (listed.path, listed.size, listed.listed) == (str(tmp_path / "in" / "b.txt"), 3, True)
    assert isinstance(missing, Unreadable)
