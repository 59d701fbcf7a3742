"""Uploads in numbered parts, over memory engines and a clock."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.errors import (
    Conflict,
    EmptyFile,
    InvalidName,
    InvalidPart,
    InvalidRequest,
    MediakilnError,
    NotFound,
    NotSupported,
    TooLarge,
    UnsupportedMedia,
    UploadExpired,
    VersionConflict,
)
from mediakiln.model.keys import Bucket
from mediakiln.model.upload import Offer, Upload, UploadState
from mediakiln.ports.multipart import PartRules
from mediakiln.stages.uploads.book import KEPT, UploadBook
from mediakiln.stages.uploads.claims import Claim
from mediakiln.stages.uploads.content import Content
from mediakiln.stages.uploads.multipart import MultipartUploads
from mediakiln.stages.uploads.plan import MIB, planned
from mediakiln.stages.uploads.sweep import STANDING, UploadSweep
from support.site import a_text
from support.world import NoRunner, World

EXPIRY = timedelta(days=7)
DATA = a_text(2500)
PART = 1000
S3 = PartRules(min_bytes=5 * MIB, max_bytes=5 << 30, max_parts=10_000, max_object_bytes=5 * 10**12)
TB = 10**12


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await made.start()
    return made


def uploads_of(world: World) -> MultipartUploads:
    """A replica's own view of the uploads."""
    return MultipartUploads(
        UploadBook(world.catalog, clock=world.clock),
        world.receive,
        world.store,
        world.catalog,
        expiry=EXPIRY,
        max_bytes=5 * TB,
    )


@pytest.fixture
def uploads(world: World) -> MultipartUploads:
    return uploads_of(world)


def content(data: bytes, **said: Any) -> Content:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 300):
            yield data[start : start + 300]

    return Content(chunks(), **said)


async def opened(uploads: MultipartUploads, data: bytes = DATA, **offer: Any) -> Upload:
    told = replace(Offer(name="a.txt", size=len(data)), **offer)
    return await uploads.open(told, part_size=PART, by="owner")


def piece(number: int, data: bytes = DATA) -> bytes:
    return data[(number - 1) * PART : number * PART]


async def fill(
    uploads: MultipartUploads, upload: Upload, *numbers: int, data: bytes = DATA
) -> None:
    for number in numbers or range(1, -(-len(data) // PART) + 1):
        await uploads.put("default", upload.id, number, content(piece(number, data)))


async def objects(world: World) -> list[str]:
    return [item.key async for item in world.store.list(Bucket.INPUT)]


async def held(world: World, upload: Upload) -> bool:
    """Whether the store still has parts of it."""
    try:
        return bool(
            await uploads_of(world).parts.parts(Bucket.INPUT, upload.key, upload.token or "")
        )
    except NotFound:
        return False


async def test_parts_come_in_any_order_in_parallel_and_again(
    world: World, uploads: MultipartUploads
) -> None:
    upload = await opened(uploads, uploader="ada", tags=("x",))
    await uploads.put("default", upload.id, 2, content(bytes(PART)))
    await asyncio.gather(*(fill(uploads, upload, number) for number in (3, 1, 2)))
    asset, ended = await uploads.complete("default", upload.id)
    assert (asset.id, asset.bytes, asset.uploader, asset.tags) == (upload.id, 2500, "ada", ("x",))
    assert ended
    assert await world.store.get(Bucket.INPUT, asset.source.key) == DATA
    assert len(await world.messages("received", "classify")) == 1


async def test_any_replica_goes_on_and_completing_again_answers_the_same(world: World) -> None:
    first, second = uploads_of(world), uploads_of(world)
    upload = await opened(first)
    await fill(first, upload, 1, 3)
    await fill(second, upload, 2)
    (asset, ended), (same, again) = await asyncio.gather(
        first.complete("default", upload.id), second.complete("default", upload.id)
    )
    assert sorted([ended, again]) == [False, True]
    assert asset.id == same.id == (await second.complete("default", upload.id))[0].id
    assert len(await world.messages("received", "classify")) == 1


@pytest.mark.parametrize("step", ["begin", "complete", "enter", "end"])
async def test_a_completion_that_dies_anywhere_is_finished_by_the_next_call(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    dying, living = uploads_of(world), uploads_of(world)
    upload = await opened(dying)
    await fill(dying, upload)

    async def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    finish = dying._finish
    target: tuple[Any, str] = {
        "begin": (dying.parts, "complete"),
        "complete": (finish._entry, "enter"),
        "enter": (finish, "_end"),
        "end": (dying._digests, "forget"),
    }[step]
    with monkeypatch.context() as patch:
        patch.setattr(*target, die)
        with pytest.raises(KeyboardInterrupt):
            await dying.complete("default", upload.id)
    asset, ended = await living.complete("default", upload.id)
    assert (asset.id, ended) == (upload.id, step != "end")
    assert await world.store.get(Bucket.INPUT, asset.source.key) == DATA
    assert len(await world.messages("received", "classify")) == 1


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ([Claim(1), Claim(2), Claim(2), Claim(3)], "part 2 is listed twice"),
        ([Claim(1), Claim(3)], "1 of 3 parts are not listed, the first is 2"),
        ([Claim(1), Claim(2), Claim(3), Claim(4)], "no part 4"),
        ([Claim(1), Claim(2, etag="other"), Claim(3)], "part 2 has another ETag"),
        ([Claim(1), Claim(2), Claim(3, size=PART)], "part 3 has 500 bytes, not 1000"),
        ([Claim(1, sha256=bytes(32)), Claim(2), Claim(3)], "part 1 has another SHA-256"),
        ([Claim(1), Claim(2, sha256=bytes(32)), Claim(3)], "SHA-256 of part 2 is not known"),
    ],
)
async def test_what_is_claimed_of_a_part_must_hold_and_errors_name_it(
    uploads: MultipartUploads, claims: list[Claim], says: str
) -> None:
    upload = await opened(uploads)
    sha256 = hashlib.sha256(piece(1)).digest()
    await uploads.put("default", upload.id, 1, content(piece(1), digests={"sha256": sha256}))
    await fill(uploads, upload, 2, 3)
    with pytest.raises(InvalidPart, match=says):
        await uploads.complete("default", upload.id, claims)
    parts = await uploads.listed(await uploads.get("default", upload.id))
    right = [Claim(part.number, etag=f'"{part.etag}"', size=part.size) for part in parts]
    right[0] = replace(right[0], sha256=sha256)
    assert (await uploads.complete("default", upload.id, right))[1]


async def test_a_part_sent_again_without_a_sum_has_none(uploads: MultipartUploads) -> None:
    upload = await opened(uploads)
    sha256 = hashlib.sha256(bytes(PART)).digest()
    await uploads.put("default", upload.id, 1, content(bytes(PART), digests={"sha256": sha256}))
    await fill(uploads, upload)
    with pytest.raises(InvalidPart, match="not known"):
        await uploads.complete("default", upload.id, [Claim(1, sha256=sha256), Claim(2), Claim(3)])


async def test_a_missing_part_is_named_and_can_be_sent_still(uploads: MultipartUploads) -> None:
    upload = await opened(uploads)
    await fill(uploads, upload, 1, 3)
    with pytest.raises(InvalidPart, match="1 of 3 parts are missing, the first is 2") as caught:
        await uploads.complete("default", upload.id)
    assert caught.value.context["missing"] == [2]
    await fill(uploads, upload, 2)
    assert (await uploads.complete("default", upload.id))[1]


@pytest.mark.parametrize(
    ("number", "data", "said"),
    [
        (1, piece(1)[:-1], {}),
        (1, piece(1) + b"x", {}),
        (3, piece(1), {}),
        (1, piece(1), {"size": 999}),
        (0, piece(1), {}),
        (4, piece(1), {}),
        (1, piece(1), {"digests": {"sha256": bytes(32)}}),
        (1, piece(1), {"digests": {"md5": bytes(16)}}),
    ],
)
async def test_a_part_that_does_not_fit_is_not_kept(
    uploads: MultipartUploads, number: int, data: bytes, said: dict[str, Any]
) -> None:
    upload = await opened(uploads)
    with pytest.raises(InvalidPart) as caught:
        await uploads.put("default", upload.id, number, content(data, **said))
    assert caught.value.context["part"] == number
    assert not await uploads.listed(upload)


async def test_a_part_whose_digests_are_right_is_kept(uploads: MultipartUploads) -> None:
    upload = await opened(uploads)
    digests = {name: hashlib.new(name, piece(1)).digest() for name in ("md5", "sha256", "sha512")}
    part = await uploads.put("default", upload.id, 1, content(piece(1), digests=digests))
    assert await uploads.listed(upload) == [part]


@pytest.mark.parametrize(
    ("data", "offer", "error"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(200), {}, UnsupportedMedia),
    ],
)
async def test_a_file_that_is_refused_at_its_end_leaves_nothing_and_is_refused_again(
    world: World, uploads: MultipartUploads, data: bytes, offer: Any, error: type[MediakilnError]
) -> None:
    upload = await opened(uploads, data, **offer)
    await fill(uploads, upload, data=data)
    for replica in (uploads, uploads_of(world)):
        with pytest.raises(error) as caught:
            await replica.complete("default", upload.id)
        assert caught.value.context["hint"]
    assert await objects(world) == []
    assert await world.catalog.get(upload.id) is None


async def test_an_aborted_upload_frees_its_space_and_is_gone(
    world: World, uploads: MultipartUploads
) -> None:
    upload = await opened(uploads)
    await fill(uploads, upload, 1)
    await uploads.abort("default", upload.id)
    assert not await held(world, upload)
    with pytest.raises(NotFound):
        await uploads.get("default", upload.id)


async def test_what_is_complete_takes_no_parts_and_cannot_be_aborted(
    uploads: MultipartUploads,
) -> None:
    upload = await opened(uploads)
    await fill(uploads, upload)
    await uploads.complete("default", upload.id)
    for call in (
        uploads.abort("default", upload.id),
        uploads.put("default", upload.id, 1, content(piece(1))),
    ):
        with pytest.raises(Conflict):
            await call
    assert await uploads.listed(await uploads.get("default", upload.id)) == ()


async def test_nobody_of_another_project_sees_an_upload(uploads: MultipartUploads) -> None:
    upload = await opened(uploads)
    with pytest.raises(NotFound):
        await uploads.get("another", upload.id)


@pytest.mark.parametrize(
    ("offer", "error"),
    [
        ({"size": 0}, EmptyFile),
        ({"size": None}, EmptyFile),
        ({"size": 5 * TB + 1}, TooLarge),
        ({"name": "../a"}, InvalidName),
        ({"name": "a\r\nSet-Cookie: x"}, InvalidName),
        ({"size": 10_000_001_000}, InvalidRequest),
    ],
)
async def test_an_upload_that_cannot_be_is_refused_before_its_bytes(
    world: World, uploads: MultipartUploads, offer: Any, error: type[MediakilnError]
) -> None:
    with pytest.raises(error):
        await opened(uploads, **offer)
    assert [one async for one in uploads.book.all()] == []
    assert await objects(world) == []


def test_parts_grow_with_the_file_so_that_five_terabytes_fit() -> None:
    sizes = {planned(size, S3, max_bytes=5 * TB).part_size for size in (1, 8 * MIB, 80 * 10**9)}
    assert sizes == {8 * MIB}
    largest = planned(5 * TB, S3, max_bytes=5 * TB)
    assert (largest.part_size, largest.count) == (512 * MIB, 9314)
    assert sum(largest.place(number)[1] for number in range(1, largest.count + 1)) == 5 * TB
    for asked in (1 * MIB, 400 * MIB, 6 << 30):
        with pytest.raises(InvalidRequest):
            planned(5 * TB, S3, max_bytes=5 * TB, asked=asked)


async def test_a_store_without_addresses_for_parts_says_so(uploads: MultipartUploads) -> None:
    upload = await opened(uploads)
    if not uploads.parts.presigned:
        with pytest.raises(NotSupported):
            await uploads.address("default", upload.id, 1)


def sweep_of(world: World) -> UploadSweep:
    uploads = uploads_of(world)
    return UploadSweep(uploads.book, {"multipart": uploads})


async def test_an_abandoned_upload_expires_and_frees_its_space(
    world: World, uploads: MultipartUploads
) -> None:
    upload = await opened(uploads)
    await fill(uploads, upload, 1, 2)
    sweep = sweep_of(world)
    world.clock.forward(days=6)
    assert await sweep() == 0
    assert await held(world, upload)
    world.clock.forward(days=1, minutes=10)
    with pytest.raises(UploadExpired):
        await fill(uploads, upload, 3)
    assert await sweep() == 1
    assert not await held(world, upload)
    with pytest.raises(UploadExpired):
        await uploads.complete("default", upload.id)
    assert await sweep() == 0
    world.clock.forward(days=1)
    await sweep()
    with pytest.raises(NotFound):
        await uploads.get("default", upload.id)


async def test_an_upload_that_is_worked_on_lives_on(
    world: World, uploads: MultipartUploads
) -> None:
    upload = await opened(uploads)
    for number in (1, 2, 3):
        world.clock.forward(days=5)
        await fill(uploads, upload, number)
        await sweep_of(world)()
    assert (await uploads.complete("default", upload.id))[0].bytes == 2500


async def test_no_upload_lives_longer_than_stores_keep_parts(
    world: World, uploads: MultipartUploads
) -> None:
    upload = await opened(uploads)
    for _ in range(7):
        world.clock.forward(days=4)
        await fill(uploads, upload, 1)
    world.clock.forward(days=2)
    with pytest.raises(UploadExpired):
        await fill(uploads, upload, 1)


async def test_a_completed_uploads_record_goes_and_its_object_stays(
    world: World, uploads: MultipartUploads
) -> None:
    upload = await opened(uploads)
    await fill(uploads, upload)
    asset, _ = await uploads.complete("default", upload.id)
    world.clock.now += KEPT + timedelta(minutes=10)
    assert await sweep_of(world)() == 1
    assert await world.store.get(Bucket.INPUT, asset.source.key) == DATA
    assert await uploads.book.find("default", upload.id) is None


async def test_a_completion_that_nobody_takes_up_again_is_finished_by_the_sweep(
    world: World, uploads: MultipartUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await opened(uploads)
    await fill(uploads, upload)

    async def die(*_: object, **__: object) -> None:
        raise VersionConflict

    with monkeypatch.context() as patch:
        patch.setattr(world.receive, "enter", die)
        with pytest.raises(VersionConflict):
            await uploads.complete("default", upload.id)
    assert await world.catalog.get(upload.id) is None
    assert await sweep_of(world)() == 0
    world.clock.now += STANDING
    assert await sweep_of(world)() == 1
    assert (await world.asset(upload.id)).bytes == 2500
    assert (await uploads.get("default", upload.id)).state is UploadState.DONE
