"""A folder is removed whatever a child made of it."""

import os
from pathlib import Path

import pytest

from mediakiln.ports.folders import cleared, opened, removed

DEEP = 1_100
"""Folders in folders: more than Python's recursion, open files and the length of paths allow."""


def dig(folder: Path) -> None:
    """Nest folders, each with a file; those that were dug before go on below."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(DEEP):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        at = below
    os.close(at)


def test_no_depth_keeps_a_folder_from_being_removed(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    dig(tmp_path / "job")
    removed(tmp_path / "job")
    assert not list(tmp_path.iterdir())


def test_rights_that_were_taken_away_are_taken_back(tmp_path: Path) -> None:
    (tmp_path / "job/locked/in").mkdir(parents=True)
    (tmp_path / "job/locked/in/file").touch()
    for folder in ("job/locked/in", "job/locked", "job"):
        (tmp_path / folder).chmod(0)
    removed(tmp_path / "job")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["job", "job/inner"])
def test_a_link_is_removed_and_not_followed(tmp_path: Path, where: str) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (tmp_path / where).mkdir(parents=True)
    (tmp_path / where / "link").symlink_to(precious)
    removed(tmp_path / "job")
    assert list(tmp_path.iterdir()) == [precious]
    assert (precious / "file").exists()


def test_a_link_in_the_folder_s_own_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").touch()
    (tmp_path / "job").symlink_to(tmp_path / "precious")
    removed(tmp_path / "job")
    assert (tmp_path / "precious/file").exists()


def test_what_is_to_stay_stays_and_too_much_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for number in range(5):
        (tmp_path / f"f{number}/in").mkdir(parents=True)
    with opened(tmp_path) as folder:
        with pytest.raises(OSError, match="more than 7"):
            cleared(folder, keep="kept", most=7)
        cleared(folder, keep="kept", most=100)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_folder_that_is_gone_is_as_good_as_removed(tmp_path: Path) -> None:
    removed(tmp_path / "missing")
