import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.local import LocalObjectStore
from mediakiln.model.keys import Bucket
from mediakiln.testing.object_store_tools import assert_absent, keys_of, pattern

_CHILD = Path(__file__).with_name("object_store_child.py")

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


def _child(verb: str, root: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(_CHILD), verb, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _drafts(root: Path) -> list[Path]:
    return [path for path in (root / ".incoming").rglob("*") if path.is_file()]


async def test_a_killed_writers_draft_is_invisible_and_the_next_start_sweeps_it(
    store: LocalObjectStore, root: Path
) -> None:
    with _child("hold", root) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        child.kill()
    await assert_absent(store, "held/object")
    assert any(path.stat().st_size > 1_000_000 for path in _drafts(root))
    await store.ensure()
    assert [path.name for path in _drafts(root)] == ["lock"]
    assert len(list((root / ".incoming").iterdir())) == 1
    await assert_absent(store, "held/object")


async def test_a_living_writers_draft_is_not_swept_by_another_process(
    store: LocalObjectStore, root: Path
) -> None:
    with _child("hold", root) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        await store.ensure()
        await assert_absent(store, "held/object")
        child.communicate("go on\n", timeout=30)
    assert child.returncode == 0
    whole = pattern(3_000_000) + pattern(3_000_000, 1)
    assert await store.get(Bucket.INPUT, "held/object") == whole


@pytest.mark.parametrize("lines", [1, 20, 75])
async def test_a_kill_loses_no_acknowledged_object_and_shows_no_half_one(
    store: LocalObjectStore, root: Path, lines: int
) -> None:
    with _child("write", root) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += child.stdout.readlines()
    acknowledged = {line.strip() for line in said if line.endswith("object\n")}
    assert len(acknowledged) >= lines
    there = await keys_of(store)
    assert acknowledged <= set(there)
    for key in there:
        turn = int(key.split("/")[1])
        size = (10, 40_000, 2_500_000)[turn % 3]
        assert await store.get(Bucket.INPUT, key) == pattern(size, turn)
    await store.ensure()
    assert [path.name for path in _drafts(root)] == ["lock"]


def test_a_full_disk_refuses_leaves_nothing_behind_and_recovers(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    source = tmp_path / "source"
    source.write_bytes(pattern(300_000))
    child = shlex.join([sys.executable, str(_CHILD), "fill", f"{mount}/store", str(source)])
    done = _in_small_file_system(mount, child)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("recovered\n")


def _in_small_file_system(mount: Path, command: str) -> "subprocess.CompletedProcess[str]":
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, for a private small file system")
    line = f"mount -t tmpfs -o size=2m none {shlex.quote(str(mount))}"
    probe = _unshared(line)
    if probe.returncode != 0:
        pytest.skip(f"no private file system to fill: {probe.stderr.strip()}")
    return _unshared(f"{line} && {command}")


def _unshared(line: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
