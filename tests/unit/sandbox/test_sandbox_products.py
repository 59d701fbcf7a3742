import os
from pathlib import Path

import pytest
from blake3 import blake3

from mediakiln.model.errors import OperationFailed
from mediakiln.sandbox import products


def test_a_file_is_measured_in_pieces(tmp_path: Path) -> None:
    content = os.urandom(3 * 1024 * 1024 + 17)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.bin").write_bytes(content)
    size, checksum = products.measure(tmp_path, "a/b.bin")
    assert size == len(content)
    assert checksum == f"blake3:{blake3(content).hexdigest()}"
    assert products.is_checksum(checksum)


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "e").touch()
    assert products.measure(tmp_path, "e") == (0, f"blake3:{blake3().hexdigest()}")


@pytest.mark.parametrize(
    "file", ["", ".", "..", "/etc/hostname", "../x", "a/../x", "a//x", "./x", "x\0", "x/"]
)
def test_a_name_that_is_not_plain_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(OperationFailed, match="no plain path"):
        products.open_file(tmp_path, file)


def test_links_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/x").touch()
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "file").symlink_to("real/x")
    for file in ("folder/x", "file"):
        with pytest.raises(OperationFailed):
            products.open_file(tmp_path, file)


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for file in ("pipe", "folder", "missing"):
        with pytest.raises(OperationFailed):
            products.open_file(tmp_path, file)


@pytest.mark.parametrize(
    "text", ["", None, 3, "blake3:xyz", "sha256:" + "0" * 64, "blake3:" + "0" * 65]
)
def test_other_words_are_no_checksum(text: object) -> None:
    assert not products.is_checksum(text)
