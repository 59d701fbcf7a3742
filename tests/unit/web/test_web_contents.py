"""Contents of files: what of them is kept in memory, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.deliverable import Deliverable
from mediakiln.model.errors import ObjectMissing
from mediakiln.model.keys import Bucket
from mediakiln.web.delivery.contents import SMALL, Contents
from mediakiln.web.delivery.ranges import Span

NO_STORE: Any = None


def an_item(path: Path, size: int = 10, *, immutable: bool = True) -> Deliverable:
    path.write_bytes(path.name[:1].encode() * size)
    return Deliverable(
        bucket=Bucket.PRODUCTION,
        key=path.name,
        size=size,
        etag="e",
        media_type="image/webp",
        filename=path.name,
        immutable=immutable,
        path=path,
    )


async def read(contents: Contents, item: Deliverable) -> bytes:
    async with contents.open(item) as content:
        return b"".join([chunk async for chunk in content.read(Span(0, item.size))])


async def test_so_many_bytes_are_kept_and_no_more(tmp_path: Path) -> None:
    contents = Contents(NO_STORE, max_kept=25)
    items = [an_item(tmp_path / name) for name in "abc"]
    for item in (*items[:2], items[0], items[2]):
        assert await read(contents, item) == item.key.encode() * 10
    kept = [contents.at_hand(item) for item in items]
    assert kept == [b"a" * 10, None, b"c" * 10], "what was asked for longest ago goes"


async def test_what_others_can_change_is_read_each_time(tmp_path: Path) -> None:
    contents = Contents(NO_STORE)
    item = an_item(tmp_path / "a", immutable=False)
    await read(contents, item)
    (tmp_path / "a").write_bytes(b"b" * 10)
    assert await read(contents, item) == b"b" * 10
    assert contents.at_hand(item) is None


@pytest.mark.parametrize("size", [10, SMALL + 1])
async def test_a_file_of_another_size_is_not_the_one_that_was_recorded(
    tmp_path: Path, size: int
) -> None:
    item = an_item(tmp_path / "a", size)
    (tmp_path / "a").write_bytes(b"a" * (size - 1))
    with pytest.raises(ObjectMissing):
        await read(Contents(NO_STORE), item)
