"""tus on stores that take no small parts, as S3: what is left over waits as a tail."""

import random
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from mediakiln.adapters.object_store.memory import MemoryObjectStore
from mediakiln.model.errors import IncompleteUpload, MediakilnError
from mediakiln.model.keys import Bucket
from mediakiln.model.upload import Offer, Upload
from mediakiln.ports.multipart import Part, PartRules
from mediakiln.ports.object_store import ObjectInfo
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.tus import Checksum, Patch, TusLimits, TusState, TusUploads
from support.site import a_text
from support.world import NoRunner, World

LEAST = 1000
DATA = a_text(10_500)


class Coarse(MemoryObjectStore):
    """Takes parts as S3 does, at another scale."""

    part_rules = PartRules(
        min_bytes=LEAST, max_bytes=1 << 20, max_parts=20, max_object_bytes=1 << 20
    )

    async def complete(
        self, bucket: Bucket, key: str, upload: str, parts: Sequence[Part]
    ) -> ObjectInfo:
        self.part_rules.check_all(parts)
        return await super().complete(bucket, key, upload, parts)


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp=tmp_path, runner=NoRunner(), store=Coarse())  # type: ignore[arg-type]
    await made.start()
    return made


@pytest.fixture
def uploads(world: World) -> TusUploads:
    return uploads_of(world)


def uploads_of(world: World, **limits: float) -> TusUploads:
    return TusUploads(
        world.store,
        world.catalog,
        UploadBook(world.catalog),
        world.receive,
        limits=TusLimits(gather_bytes=LEAST, **limits),  # type: ignore[arg-type]
    )


async def body(
    data: bytes, *, chunk: int = 300, broken: bool = False
) -> AsyncGenerator[bytes | None, None]:
    for start in range(0, len(data), chunk):
        yield data[start : start + chunk]
    if broken:
        raise IncompleteUpload


async def opened(uploads: TusUploads, size: int | None = len(DATA)) -> Upload:
    return await uploads.create(Offer(name="a.txt", size=size))


async def tails(world: World) -> list[str]:
    return [item.key async for item in world.store.list(Bucket.INPUT, ".parts/")]


async def content(world: World, id: str) -> bytes:
    asset = await world.catalog.get(id)
    assert asset is not None
    return await world.store.get(Bucket.INPUT, asset.source.key)


@pytest.mark.parametrize("step", [1, 7, 999, 1000, 1001, 2500, 10_500])
async def test_requests_of_any_size_make_the_file(
    world: World, uploads: TusUploads, step: int
) -> None:
    data = DATA if step > 10 else DATA[: 150 * step]
    upload, asset = await opened(uploads, len(data)), None
    for start in range(0, len(data), step):
        patch = Patch(offset=start, announced=len(data[start : start + step]))
        upload, asset = await uploads.append(
            "default", upload.id, patch, body(data[start : start + step])
        )
        assert len(await tails(world)) <= 1
    assert asset is not None
    assert await content(world, upload.id) == data
    assert await tails(world) == []


async def test_a_broken_request_keeps_what_is_too_little_for_a_part(
    world: World, uploads: TusUploads
) -> None:
    upload = await opened(uploads)
    with pytest.raises(IncompleteUpload):
        await uploads.append("default", upload.id, Patch(offset=0), body(DATA[:2000], broken=True))
    found, _ = await uploads.look("default", upload.id)
    assert found.offset == 2000
    assert TusState.of(found).position.parts == 1
    ended, asset = await uploads.append("default", upload.id, Patch(offset=2000), body(DATA[2000:]))
    assert asset is not None
    assert await content(world, ended.id) == DATA


async def test_a_wrong_checksum_leaves_the_tail_there_was(
    world: World, uploads: TusUploads
) -> None:
    upload = await opened(uploads)
    await uploads.append("default", upload.id, Patch(offset=0), body(DATA[:500]))
    before = await tails(world)
    for junk in (b"x" * 100, b"x" * 5000):
        with pytest.raises(MediakilnError, match="sha1"):
            await uploads.append(
                "default",
                upload.id,
                Patch(offset=500, checksum=Checksum("sha1", b"-")),
                body(junk),
            )
        assert await tails(world) == before
    await uploads.append("default", upload.id, Patch(offset=500), body(DATA[500:]))
    assert await content(world, upload.id) == DATA


async def test_a_length_that_is_known_at_last_makes_the_tail_the_last_part(
    world: World, uploads: TusUploads
) -> None:
    upload = await opened(uploads, None)
    await uploads.append("default", upload.id, Patch(offset=0), body(DATA[:2500]))
    patch = Patch(offset=2500, announced=0, length=2500)
    _, asset = await uploads.append("default", upload.id, patch, body(b""))
    assert asset is not None
    assert await content(world, upload.id) == DATA[:2500]
    assert await tails(world) == []


async def test_parts_grow_where_a_file_would_have_too_many(world: World) -> None:
    size = 100_000
    data = a_text(size)
    uploads = uploads_of(world)
    upload = await opened(uploads, size)
    _, asset = await uploads.append(
        "default", upload.id, Patch(offset=0, announced=size), body(data, chunk=777)
    )
    assert asset is not None
    assert await content(world, upload.id) == data


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_the_client_does_the_file_is_what_it_sent(world: World, seed: int) -> None:
    """Requests of any size, stale ones, broken ones, wrong checksums, by two replicas."""
    chance = random.Random(seed)  # noqa: S311 - the same for every run
    replicas = [uploads_of(world, patience_s=0), uploads_of(world, patience_s=0)]
    upload = await opened(replicas[0], chance.choice([len(DATA), None]))
    for _ in range(200):
        uploads = chance.choice(replicas)
        found, asset = await uploads.look("default", upload.id)
        if asset is not None:
            break
        start = found.offset + chance.choice([0, 0, 0, 0, -1, 1, 400])
        size = chance.randint(0, 2200)
        piece = DATA[max(start, 0) : max(start, 0) + size]
        checksum = Checksum("sha1", b"wrong") if chance.random() < 0.1 else None
        length = len(DATA) if found.size is None and chance.random() < 0.3 else None
        patch = Patch(offset=start, checksum=checksum, length=length)
        broken = chance.random() < 0.3
        try:
            after, _ = await uploads.append("default", upload.id, patch, body(piece, broken=broken))
        except IncompleteUpload:
            assert broken
            after, _ = await uploads.look("default", upload.id)
            assert after.offset == start + (0 if checksum else len(piece))
        except MediakilnError:
            after, _ = await uploads.look("default", upload.id)
            assert (after.offset, after.size) == (found.offset, found.size)
        else:
            assert after.offset == start + len(piece)
    else:
        await _end(replicas[0], upload.id)
    assert await content(world, upload.id) == DATA


async def _end(uploads: TusUploads, id: str) -> None:
    found, _ = await uploads.look("default", id)
    patch = Patch(offset=found.offset, length=len(DATA))
    await uploads.append("default", id, patch, body(DATA[found.offset :]))
