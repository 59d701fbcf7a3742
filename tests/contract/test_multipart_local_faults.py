import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.model.errors import InvalidPart, NotFound, UploadBusy
from mediakiln.model.keys import Bucket
from mediakiln.testing.multipart_tools import KEY, begun, listed_parts, write, written
from mediakiln.testing.object_store_tools import assert_absent, keys_of, pattern

_CHILD = Path(__file__).with_name("multipart_child.py")
SIZE = 3_500_000

pytestmark = pytest.mark.faults


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def store(root: Path) -> AsyncIterator[LocalObjectStore]:
    store = LocalObjectStore(root)
    await store.ensure()
    yield store
    await store.close()


def _child(verb: str, root: Path, *args: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(_CHILD), verb, str(root), *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


async def test_a_part_whose_writer_is_killed_is_none_and_can_be_written_at_once(
    store: LocalObjectStore, root: Path
) -> None:
    upload = await begun(store)
    data = [pattern(SIZE, seed) for seed in range(3)]
    first = await write(store, upload, 1, data[0])
    third = await write(store, upload, 3, data[2], offset=2 * SIZE)
    with _child("hold", root, upload, "2") as child:
        assert _line(child) == "writing"
        with pytest.raises(UploadBusy):
            await write(store, upload, 2, data[1], offset=SIZE)
        child.kill()
    assert await listed_parts(store, upload) == [first, third]
    with pytest.raises(InvalidPart):
        await store.complete(Bucket.INPUT, KEY, upload, [first, third])
    await store.ensure()
    second = await write(store, upload, 2, data[1], offset=SIZE)
    await store.complete(Bucket.INPUT, KEY, upload, [first, second, third])
    assert await store.get(Bucket.INPUT, KEY) == b"".join(data)


async def test_a_part_whose_replacement_was_killed_never_looks_whole(
    store: LocalObjectStore, root: Path
) -> None:
    upload = await begun(store)
    one, two = await written(store, upload, [pattern(SIZE, seed) for seed in range(2)])
    with _child("hold", root, upload, "1") as child:
        assert _line(child) == "writing"
        child.kill()
    assert await listed_parts(store, upload) == [two]
    with pytest.raises(InvalidPart):
        await store.complete(Bucket.INPUT, KEY, upload, [one, two])
    again = await write(store, upload, 1, pattern(SIZE, 0))
    await store.complete(Bucket.INPUT, KEY, upload, [again, two])
    assert await store.get(Bucket.INPUT, KEY) == pattern(SIZE, 0) + pattern(SIZE, 1)


async def test_a_part_being_replaced_by_another_process_is_not_completed(
    store: LocalObjectStore, root: Path
) -> None:
    upload = await begun(store)
    parts = await written(store, upload, [pattern(SIZE, seed) for seed in range(2)])
    with _child("hold", root, upload, "1") as child:
        assert _line(child) == "writing"
        with pytest.raises(InvalidPart):
            await store.complete(Bucket.INPUT, KEY, upload, parts)
        child.kill()
    await assert_absent(store, KEY)


async def test_an_upload_aborted_under_a_writer_frees_its_space(
    store: LocalObjectStore, root: Path
) -> None:
    upload = await begun(store)
    with _child("hold", root, upload, "1") as child:
        assert _line(child) == "writing"
        await store.abort(Bucket.INPUT, KEY, upload)
        child.communicate("go on\n", timeout=30)
    assert child.returncode == 0
    assert list((root / ".multipart").iterdir()) == []
    with pytest.raises(NotFound):
        await listed_parts(store, upload)


_INPLACE = "mediakiln.adapters.object_store.multipart.inplace"
_JOURNAL = "mediakiln.adapters.object_store.multipart.journal"
_FOLDERS = "mediakiln.adapters.object_store.folders"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("module", "call"),
    [
        (_JOURNAL, "os.fdatasync"),  # the third part's record is removed
        (_INPLACE, "os.ftruncate"),
        (_INPLACE, "stamp"),
        (_INPLACE, "os.fsync"),
        (_FOLDERS, "os.makedirs"),
        (_FOLDERS, "os.replace"),
        (_FOLDERS, "sync_folder"),
        (_INPLACE, "os.unlink"),
        (_INPLACE, "os.rmdir"),
    ],
)
async def test_a_completion_that_was_killed_can_be_repeated(
    store: LocalObjectStore, root: Path, module: str, call: str, when: str
) -> None:
    place, _, name = call.rpartition(".")
    with _child("complete", root, place or module, name, when) as child:
        upload = _line(child)
        assert _line(child) == ""
    assert child.returncode == -9
    await store.ensure()
    whole = pattern(SIZE, 0) + pattern(SIZE, 1)
    if await store.head(Bucket.INPUT, KEY) is None:
        parts = (await listed_parts(store, upload))[:2]
        await store.complete(Bucket.INPUT, KEY, upload, parts)
        assert not (root / ".multipart" / upload).exists()
    assert await store.get(Bucket.INPUT, KEY) == whole
    assert await keys_of(store) == [KEY]
    with pytest.raises(NotFound):
        await listed_parts(store, upload)


def test_a_full_disk_makes_no_part_and_aborting_makes_room(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, for a private small file system")
    place = shlex.quote(str(mount))
    line = f"mount -t tmpfs -o size=4m none {place}"
    probe = _unshared(line)
    if probe.returncode != 0:
        pytest.skip(f"no private file system to fill: {probe.stderr.strip()}")
    child = shlex.join([sys.executable, str(_CHILD), "fill", f"{mount}/store"])
    done = _unshared(f"{line} && {child}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "recovered\n"


def _unshared(line: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
