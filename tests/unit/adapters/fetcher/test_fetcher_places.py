"""Buckets and folders as places: what is listed, what is read, and what is not."""

from collections.abc import AsyncIterator
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from mediakiln.adapters.fetcher.bucket import BucketPlace
from mediakiln.adapters.fetcher.folder import FolderPlace
from mediakiln.model.errors import EngineMisconfigured, FetchFailed, FetchRefused, TooLarge
from mediakiln.ports.fetcher import Place

KEYS = ["a.txt", "a/b.txt", "a/c/d.txt", "a/c.txt", "ab.txt", "z.txt"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for key in KEYS:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"This is {key}.")
    return root


@pytest.fixture(params=["folder", "bucket", "prefix"])
async def place(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Place]:
    if request.param == "folder":
        yield FolderPlace.from_url(f"file://{folder}")
        return
    store, above = MemoryStore(), "" if request.param == "bucket" else "pre/fix/"
    for key in KEYS:
        await obstore.put_async(store, above + key, f"This is {key}.".encode())
    if above:
        await obstore.put_async(store, "pre/other.txt", b"Not below the prefix.")
    yield BucketPlace(store, above)


async def listed(place: Place, prefix: str = "", after: str = "") -> list[str]:
    return [found.key async for found in place.list(prefix, start_after=after)]


async def read(place: Place, key: str, *, limit: int = 1000) -> bytes:
    async with place.open(key, max_bytes=limit) as file:
        return b"".join([chunk async for chunk in file.chunks])


async def test_every_file_is_listed_once_with_its_size(place: Place) -> None:
    found = [found async for found in place.list("")]
    assert sorted(each.key for each in found) == sorted(KEYS)
    assert all(each.size == len(f"This is {each.key}.") for each in found)


async def test_a_listing_goes_on_behind_any_key(place: Place) -> None:
    whole = await listed(place)
    for number, key in enumerate(whole):
        assert await listed(place, after=key) == whole[number + 1 :]


@pytest.mark.parametrize(
    ("prefix", "keys"),
    [
        ("a/", ["a/b.txt", "a/c.txt", "a/c/d.txt"]),
        ("a/c", ["a/c.txt", "a/c/d.txt"]),
        ("a", ["a.txt", "a/b.txt", "a/c.txt", "a/c/d.txt", "ab.txt"]),
        ("x", []),
    ],
)
async def test_a_prefix_need_not_be_a_folder(place: Place, prefix: str, keys: list[str]) -> None:
    assert sorted(await listed(place, prefix)) == keys


async def test_a_file_is_read_with_its_name(place: Place) -> None:
    async with place.open("a/c/d.txt", max_bytes=100) as file:
        assert (file.name, file.size) == ("d.txt", 18)
        assert b"".join([chunk async for chunk in file.chunks]) == b"This is a/c/d.txt."


async def test_what_is_too_large_or_missing_is_said_to_be(place: Place) -> None:
    with pytest.raises(TooLarge):
        await read(place, "a.txt", limit=3)
    with pytest.raises(FetchRefused):
        await read(place, "none.txt")


@pytest.mark.parametrize(
    "key", ["../secret.txt", "a/../../secret.txt", "link.txt", "away/secret.txt", "a", "", "/etc"]
)
async def test_nothing_outside_of_a_folder_is_read(folder: Path, key: str) -> None:
    (folder.parent / "secret.txt").write_text("Not for the likes of you.")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "away").symlink_to(folder.parent)
    place = FolderPlace(folder)
    assert sorted(await listed(place)) == sorted(KEYS)
    with pytest.raises(FetchRefused):
        await read(place, key)


async def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchRefused):
        await listed(FolderPlace(tmp_path / "none"))
    with pytest.raises(FetchRefused) as refused:
        await read(FolderPlace(tmp_path / "none"), "a.txt")
    assert str(tmp_path) not in str(refused.value)


async def test_a_file_that_shrinks_while_it_is_read_is_not_taken_for_whole(folder: Path) -> None:
    (folder / "big.txt").write_bytes(b"x" * 3_000_000)
    place = FolderPlace(folder)
    async with place.open("big.txt", max_bytes=10**9) as file:
        assert len(await anext(file.chunks)) > 0
        with (folder / "big.txt").open("r+b") as shrinking:
            shrinking.truncate(1_500_000)
        with pytest.raises(FetchFailed):
            await _rest(file.chunks)


async def _rest(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


@pytest.mark.parametrize(
    "url",
    [
        "s3://", "s3://bucket?retries=x", "s3://bucket?colour=red", "az://", "az://account", "gs:///key",
        "ftp://bucket", "bucket",
    ],
)  # fmt: skip
def test_an_address_that_names_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(EngineMisconfigured) as caught:
        BucketPlace.from_url(url)
    assert "place" in str(caught.value)


@pytest.mark.parametrize("url", ["file://host/x", "file:x", "file:///a/../b"])
def test_an_address_that_names_no_folder_is_refused(url: str) -> None:
    with pytest.raises(EngineMisconfigured):
        FolderPlace.from_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://KEY:a%2Fb@bucket/some/prefix?endpoint=http://127.0.0.1:1&region=eu-west-1",
        "s3://bucket?anonymous=true&region=us-east-1",
        "gs://bucket/prefix?anonymous=true",
        "az://:c2VjcmV0@account/container/prefix",
    ],
)
async def test_an_address_is_read_without_a_connection(url: str) -> None:
    await BucketPlace.from_url(url).close()


async def test_a_bucket_that_does_not_answer_may_do_so_later() -> None:
    place = BucketPlace.from_url("s3://K:S@bucket?endpoint=http://127.0.0.1:1&region=x&retries=0")
    with pytest.raises(FetchFailed):
        await listed(place)
