import os
import threading
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.incoming import Incoming
from mediakiln.model.errors import InvalidRequest


@pytest.fixture
def incoming(tmp_path: Path) -> Incoming:
    (tmp_path / "incoming").mkdir()
    return Incoming(f"{tmp_path}/incoming")


def test_a_sweep_takes_folders_of_the_dead_only(incoming: Incoming, tmp_path: Path) -> None:
    living = incoming.create()
    dead = tmp_path / "incoming" / "dead"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "draft").write_bytes(b"half")
    unlocked = tmp_path / "incoming" / "killed before it had its lock"
    unlocked.mkdir()
    other = Incoming(f"{tmp_path}/incoming")
    assert other.sweep() == 2
    assert Path(living.path).exists()
    assert not dead.exists()
    assert not unlocked.exists()
    living.discard()
    incoming.release()
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_released_folder_with_a_draft_in_it_is_left_to_the_next_sweep(
    incoming: Incoming, tmp_path: Path
) -> None:
    draft = incoming.create()
    draft.write([b"half"])
    incoming.release()
    assert Path(draft.path).exists()
    assert Incoming(f"{tmp_path}/incoming").sweep() == 1
    assert list((tmp_path / "incoming").iterdir()) == []
    draft.discard()


def test_sweeping_all_the_time_takes_no_living_writers_folder(tmp_path: Path) -> None:
    root = tmp_path / "incoming"
    root.mkdir()
    over = threading.Event()

    def sweep() -> None:
        sweeper = Incoming(str(root))
        while not over.is_set():
            sweeper.sweep()

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        for _ in range(300):
            writer = Incoming(str(root))
            draft = writer.create()
            draft.write([b"bytes"])
            assert draft.seal().st_nlink == 1
            draft.discard()
            writer.release()
    finally:
        over.set()
        thread.join()
    assert list(root.iterdir()) == []


def test_a_shared_files_time_stays_and_a_fresh_ones_is_set(
    incoming: Incoming, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    os.utime(source, ns=(10**18, 10**18))
    fresh = incoming.adopt(str(source))
    assert fresh is not None
    written = fresh.seal().st_mtime_ns
    assert written > 10**18
    again = incoming.adopt(str(source))
    assert again is not None
    assert again.seal().st_mtime_ns == written


def test_another_users_file_is_copied_not_shared(incoming: Incoming, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    try:
        os.chown(source, 12345, -1)
    except PermissionError:
        pytest.skip("only root can give a file away")
    assert incoming.adopt(str(source)) is None
    assert incoming.adopt(str(source), durable=True) is not None


def test_a_link_cannot_be_adopted(incoming: Incoming, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/etc/hostname")
    with pytest.raises(InvalidRequest):
        incoming.adopt(str(link))
    assert [path.name for path in (tmp_path / "incoming").glob("*/*")] == ["lock"]


def test_the_probe_leaves_nothing(incoming: Incoming, tmp_path: Path) -> None:
    incoming.probe()
    assert [path.name for path in (tmp_path / "incoming").glob("*/*")] == ["lock"]
