"""What hostile code may say in a child's place, and what becomes of it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from mediakiln.model.errors import (
    BadMedia,
    MediakilnError,
    MemoryExceeded,
    OperationFailed,
    ScratchExceeded,
    StorageFull,
)
from mediakiln.ports.operation import Context
from mediakiln.ports.runner import Limits, Task
from mediakiln.sandbox import reported
from mediakiln.sandbox.reported import LIES, Kept

MIB = 1024 * 1024


@pytest.fixture
def task(tmp_path: Path) -> Task:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "kept").mkdir()
    return Task("a", "mock.copy", {}, out, Context("x/y"), Limits(scratch_mb=4))


def entry(task: Task, file: str, data: bytes = b"bytes", **more: Any) -> Mapping[str, Any]:
    """A file, and what a sound child says of it."""
    (task.out / file).write_bytes(data)
    checksum = f"blake3:{blake3(data).hexdigest()}"
    said = {"file": file, "media_type": "x/y", "metadata": {}, "bytes": len(data)}
    return said | {"checksum": checksum} | more


def test_a_product_gets_a_second_name_that_nobody_may_write_to(task: Task, tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept")
    (made,) = kept.take(task, [entry(task, "a")])
    (task.out / "a").unlink()
    (task.out / "a").symlink_to("/etc/hostname")
    assert made.path.read_bytes() == b"bytes"
    assert made.path.parent == tmp_path / "kept"
    assert made.path.stat().st_mode & 0o777 == 0o444
    assert kept.bytes == len(b"bytes")


def test_its_bytes_are_shared_unless_somebody_still_writes_to_it(
    task: Task, tmp_path: Path
) -> None:
    kept = Kept(tmp_path / "kept")
    said = [entry(task, "shared"), entry(task, "written")]
    with (task.out / "written").open("r+b") as writer:
        shared, copied = kept.take(task, said)
        writer.write(b"other")
    assert shared.path.samefile(task.out / "shared")
    assert not copied.path.samefile(task.out / "written")
    assert copied.path.read_bytes() == b"bytes"


def test_where_no_second_name_can_be_given_products_are_copied(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = entry(task, "a")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    (made,) = Kept(tmp_path / "kept").take(task, [said])
    assert made.path.read_bytes() == b"bytes"
    assert not made.path.samefile(task.out / "a")


def test_a_file_counts_with_each_of_its_names(task: Task, tmp_path: Path) -> None:
    said = entry(task, "a", bytes(3 * MIB))
    (task.out / "b").hardlink_to(task.out / "a")
    with (task.out / "a").open("r+b"), pytest.raises(ScratchExceeded):
        Kept(tmp_path / "kept").take(task, [said, {**said, "file": "b"}])
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_holes_are_no_way_to_more_than_a_task_may_write(task: Task, tmp_path: Path) -> None:
    said = []
    for name in "abc":
        made = entry(task, name)
        os.truncate(task.out / name, 2 * MIB)
        said.append({**made, "bytes": 2 * MIB})
    with pytest.raises(ScratchExceeded) as caught:
        Kept(tmp_path / "kept").take(task, said)
    assert caught.value.context == {"limit": 4, "unit": "MiB"}


@pytest.mark.parametrize(
    "more",
    [
        {"bytes": 4},
        {"bytes": "5"},
        {"checksum": "blake3:0"},
        {"media_type": "text/html\r\nset-cookie: x"},
        {"media_type": "html"},
        {"media_type": "x/" + "y" * 300},
        {"file": "gone"},
        {"metadata": []},
    ],
)
def test_a_product_that_cannot_be_so_is_a_lie(
    task: Task, tmp_path: Path, more: dict[str, Any]
) -> None:
    with pytest.raises(LIES):
        Kept(tmp_path / "kept").take(task, [entry(task, "a", **more)])


def test_a_name_that_no_store_can_list_is_a_lie(task: Task, tmp_path: Path) -> None:
    with pytest.raises(LIES, match="control"):
        Kept(tmp_path / "kept").take(task, [entry(task, "a\x0bb")])


def test_a_product_is_reported_once(task: Task, tmp_path: Path) -> None:
    said = entry(task, "a")
    with pytest.raises(LIES, match="twice"):
        Kept(tmp_path / "kept").take(task, [said, said])


@pytest.mark.parametrize("value", ["nan", float("nan"), float("inf"), None, "1", [1]])
def test_a_duration_is_a_number(value: object) -> None:
    with pytest.raises(LIES):
        reported.seconds(value, 5.0)


def test_a_duration_is_no_longer_than_the_child_has_lived() -> None:
    assert [reported.seconds(value, 5.0) for value in (-1, 3, 1e300)] == [0.0, 3.0, 5.0]


@pytest.mark.parametrize("told", [{"a": "x" * 300}, {str(n): "1" for n in range(100)}, []])
def test_tools_are_few_and_their_versions_short(told: Any) -> None:
    with pytest.raises(LIES):
        reported.tools(told)


def said(code: str) -> Mapping[str, Any]:
    return {"code": code, "message": "m", "context": {}}


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        ("bad_media", BadMedia),
        ("memory_limit", MemoryExceeded),
        ("engine_unavailable", OperationFailed),
        ("lease_lost", OperationFailed),
        ("not_found", OperationFailed),
        ("unauthorised", OperationFailed),
        ("overloaded", OperationFailed),
    ],
)
def test_only_a_step_s_own_errors_are_believed(
    task: Task, code: str, becomes: type[MediakilnError]
) -> None:
    found = reported.error(said(code), task)
    assert type(found) is becomes
    assert found.context == ({"reported": code} if becomes is OperationFailed else {})


def test_that_no_space_is_left_is_believed_only_where_little_is(task: Task) -> None:
    with pytest.raises(LIES, match="no space"):
        reported.error(said("storage_full"), task)
    vast = Task("a", "x", {}, task.out, task.context, Limits(scratch_mb=2**40))
    assert type(reported.error(said("storage_full"), vast)) is StorageFull
