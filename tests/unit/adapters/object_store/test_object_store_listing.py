from pathlib import Path

import pytest

from mediakiln.adapters.object_store import listing


@pytest.fixture
def top(tmp_path: Path) -> str:
    for number in range(300):
        folder = tmp_path / f"{number % 50}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}-x").write_bytes(b"x")
        (tmp_path / f"{number}.y").write_bytes(b"")
    return str(tmp_path)


@pytest.mark.parametrize("window", [1, 2, 7, 1000])
def test_a_folder_larger_than_the_window_is_listed_in_full_and_in_order(
    top: str, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WINDOW", window)
    keys = [path.relative_to(top).as_posix() for path in Path(top).rglob("*") if path.is_file()]
    keys.sort()
    assert [info.key for info in listing.walk(top, "", "")] == keys
    for after in keys[::97]:
        expected = [key for key in keys if key > after and key.startswith("1")]
        assert [info.key for info in listing.walk(top, "1", after)] == expected


def test_what_a_store_did_not_write_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(b"x")
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "folder link").symlink_to("/etc")
    (tmp_path / "empty folder").mkdir()
    Path(f"{tmp_path}/latin-\udce9").write_bytes(b"x")
    assert [info.key for info in listing.walk(str(tmp_path), "", "")] == ["object"]


def test_only_folders_that_can_hold_an_answer_are_read(
    top: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    entries = listing._entries

    def watched(top: str, base: str) -> object:
        read.append(base)
        return entries(top, base)

    monkeypatch.setattr(listing, "_entries", watched)
    assert [info.key for info in listing.walk(top, "7/", "7/107-x")] == [
        "7/157-x",
        "7/207-x",
        "7/257-x",
        "7/57-x",
        "7/7-x",
    ]
    assert read == ["7/"]
    read.clear()
    assert next(iter(listing.walk(top, "", "48/"))).key == "48/148-x"
    assert read == ["", "48/"]
