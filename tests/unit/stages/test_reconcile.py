"""What stands still is set going; what is deleted goes after its grace; nothing else is touched."""

from datetime import UTC, datetime, timedelta

import pytest

from mediakiln.model.asset import Asset, Claim
from mediakiln.model.errors import Gone, InvalidRequest
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, asset_prefix, input_key
from mediakiln.model.kind import AssetState
from mediakiln.model.upload import Upload
from mediakiln.stages.ledger import Change
from mediakiln.stages.reconcile import Housekeeping
from mediakiln.stages.reconcile.stage import MAX_STALLS
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.stages.uploads.joined import JoinedParts
from support.world import TEXT, World

ONE = {"steps": {"one": {"op": "mock.copy"}}}
TWO = {"steps": {"one": {"op": "mock.copy", "times": 2}}}


async def _drop(world: World, topic: str, group: str) -> int:
    return len(await world.messages(topic, group))


@pytest.mark.parametrize(
    ("topic", "group"),
    [
        ("received", "classify"),
        ("jobs.document", "process"),
        ("stored", "join"),
        ("finished", "join"),
    ],
)
async def test_a_run_whose_message_was_lost_is_completed(
    world: World, topic: str, group: str
) -> None:
    asset = await world.upload(recipe=ONE)
    for (name, reader), handler in world.handlers.items():
        if (name, reader) == (topic, group):
            assert await _drop(world, topic, group) == 1
        for message in await world.messages(name, reader):
            await handler(message)
    assert not (await world.asset(asset.id)).state.terminal
    for _ in range(3):
        world.clock.forward(minutes=10)
        await world.reconcile.sweep()
        await world.pump()
    assert (await world.asset(asset.id)).state is AssetState.READY


async def test_a_run_that_is_worked_on_is_left_alone(world: World) -> None:
    asset = await world.upload(recipe=ONE)
    for message in await world.messages("received", "classify"):
        await world.classify(message)
    await _drop(world, "jobs.document", "process")
    world.clock.forward(minutes=6)
    claimed = await world.ledger.change(asset.id, lambda a: _claim(world, a))
    await world.reconcile.sweep()
    assert await world.messages("jobs.document", "process") == []
    after = await world.asset(asset.id)
    assert after.claim == claimed.claim
    assert after.due_at is not None
    assert after.due_at > world.clock()


def _claim(world: World, asset: Asset) -> Change:
    now = world.clock()
    claim = Claim(owner="x", attempt=1, expires_at=now + timedelta(minutes=30))
    due = now - timedelta(seconds=1)
    return Change(asset.model_copy(update={"claim": claim, "due_at": due}))


async def test_a_deleted_asset_is_gone_at_once_and_its_bytes_after_the_grace(world: World) -> None:
    asset = await world.upload(recipe=ONE)
    await world.pump()
    await world.manage.delete(asset.id)
    await world.manage.delete(asset.id)
    with pytest.raises(Gone):
        await world.deliver.asset(asset.id)
    with pytest.raises(Gone):
        await world.manage.process_again(asset.id, None)
    world.clock.forward(days=6)
    await world.reconcile.sweep()
    assert await world.store.head(Bucket.INPUT, asset.source.key) is not None
    world.clock.forward(days=2)
    await world.reconcile.sweep()
    assert await world.store.head(Bucket.INPUT, asset.source.key) is None
    left = [i async for i in world.store.list(Bucket.PRODUCTION, asset_prefix("default", asset.id))]
    assert left == []
    tombstone = await world.asset(asset.id)
    assert (tombstone.state, tombstone.purged) == (AssetState.DELETING, True)
    archived = [item async for item in world.store.list(Bucket.ARCHIVE)]
    assert archived, "archive copies stay until their day expires"


async def test_reuse_survives_the_deletion_of_its_source(world: World) -> None:
    first = await world.upload(recipe=ONE)
    await world.pump()
    await world.manage.delete(first.id)
    world.clock.forward(days=8)
    await world.reconcile.sweep()
    second = await world.upload(recipe=ONE)
    await world.pump()
    after = await world.asset(second.id)
    assert after.state is AssetState.READY
    (file,) = after.published["one"].files or ()
    assert await world.store.get(Bucket.PRODUCTION, file.key) == TEXT


async def test_a_new_run_swaps_products_at_once_and_the_old_ones_are_tidied_later(
    world: World,
) -> None:
    asset = await world.upload(recipe=ONE)
    await world.pump()
    old = (await world.asset(asset.id)).published["one"]
    again = await world.manage.process_again(asset.id, world.recipes.resolve(TWO))
    assert again.visible["one"] == old, "old products stay visible while the new run works"
    await world.pump()
    new = (await world.asset(asset.id)).published["one"]
    assert (new.run, new.count) == (2, 2)
    (file,) = old.files or ()
    assert await world.store.head(Bucket.PRODUCTION, file.key) is not None
    world.clock.forward(hours=25)
    await world.reconcile.sweep()
    assert await world.store.head(Bucket.PRODUCTION, file.key) is None
    for kept in new.files or ():
        assert await world.store.head(Bucket.PRODUCTION, kept.key) is not None
    assert (await world.asset(asset.id)).due_at is None


async def test_a_failed_new_run_keeps_the_old_products(world: World) -> None:
    asset = await world.upload(recipe=ONE)
    await world.pump()
    bad = {"steps": {"two": {"op": "mock.bad_media", "message": "no"}}}
    await world.manage.process_again(asset.id, world.recipes.resolve(bad))
    await world.pump()
    after = await world.asset(asset.id)
    assert (after.state, list(after.published)) == (AssetState.FAILED, ["one"])


async def test_restore_brings_products_back_from_the_archive(world: World) -> None:
    asset = await world.upload(recipe=TWO)
    await world.pump()
    files = (await world.asset(asset.id)).published["one"].files or ()
    everything = [i.key async for i in world.store.list(Bucket.PRODUCTION)]
    await world.store.delete(Bucket.PRODUCTION, everything)
    _, restored = await world.manage.restore(asset.id)
    assert restored == 2
    for file in files:
        assert await world.store.get(Bucket.PRODUCTION, file.key) == TEXT
    assert (await world.manage.restore(asset.id))[1] == 0


async def only_default() -> list[str]:
    return ["default"]


def _housekeeping(world: World, days: int = 30) -> Housekeeping:
    return Housekeeping(
        world.catalog, world.store, projects=only_default, archive_days=days, clock=world.clock
    )


async def test_only_old_objects_without_a_record_are_swept(world: World) -> None:
    world.clock.now = datetime.now(UTC)
    named = await world.upload(recipe=ONE)
    orphan = input_key("default", "0190d3a0-0000-7000-8000-000000000000", world.clock())
    await world.store.put(Bucket.INPUT, orphan, TEXT)
    assert await _housekeeping(world).sweep_orphans() == 0, "too young"
    world.clock.forward(hours=25)
    assert await _housekeeping(world).sweep_orphans() == 1
    assert await world.store.head(Bucket.INPUT, orphan) is None
    assert await world.store.head(Bucket.INPUT, named.source.key) is not None


async def test_an_object_of_an_upload_in_progress_is_not_swept(world: World) -> None:
    """Its completion died after the object was made; its record says how it goes on."""
    now = world.clock()
    ids = [new_id(), new_id()]
    for id in ids:
        await world.store.put(Bucket.INPUT, input_key("default", id, now), b"complete")
    upload = Upload(
        id=ids[0],
        project="default",
        protocol="multipart",
        key=input_key("default", ids[0], now),
        name="a.txt",
        created_at=now,
        expires_at=now + timedelta(days=9),
    )
    await UploadBook(world.catalog, clock=world.clock).open(upload)
    world.clock.forward(days=1, hours=1)
    assert await _housekeeping(world).sweep_orphans() == 1
    assert [item.key async for item in world.store.list(Bucket.INPUT)] == [upload.key]


async def test_parts_of_an_upload_are_left_alone_until_they_are_forgotten(world: World) -> None:
    world.clock.now = datetime.now(UTC)
    parts = JoinedParts(world.store)
    token = await parts.begin(Bucket.INPUT, "default/2026/01/01/upload")
    world.clock.forward(days=29)
    assert await _housekeeping(world).sweep_orphans() == 0
    assert await parts.parts(Bucket.INPUT, "default/2026/01/01/upload", token) == []
    world.clock.forward(days=2)
    assert await _housekeeping(world).sweep_orphans() == 1
    assert [item async for item in world.store.list(Bucket.INPUT)] == []


async def test_archives_expire_by_day(world: World) -> None:
    asset = await world.upload(recipe=ONE)
    await world.pump()
    (file,) = (await world.asset(asset.id)).published["one"].files or ()
    world.clock.forward(days=30)
    assert await _housekeeping(world).expire_archives() == 0
    world.clock.forward(days=1)
    assert await _housekeeping(world).expire_archives() >= 1
    assert await world.store.head(Bucket.ARCHIVE, file.archive_key or "") is None


def test_archives_cannot_be_set_to_expire_before_their_lock(world: World) -> None:
    with pytest.raises(InvalidRequest):
        _housekeeping(world, days=6)


async def test_a_run_that_nothing_moves_fails_in_the_end_and_is_asked_for_ever_less_often(
    world: World,
) -> None:
    asset = await world.upload(recipe=ONE)
    sent = len(await world.messages("received", "classify"))
    waits = []
    while not (standing := await world.asset(asset.id)).state.terminal:
        assert standing.due_at is not None
        waits.append(standing.due_at - world.clock())
        world.clock.forward(seconds=waits[-1].total_seconds() + 1)
        await world.reconcile.sweep()
        sent += len(await world.messages("received", "classify"))
    assert sent == 1 + MAX_STALLS
    assert waits[:4] == [timedelta(minutes=m) for m in (5, 5, 10, 20)]
    assert max(waits) == timedelta(days=1)
    after = await world.asset(asset.id)
    assert (after.state, after.due_at) == (AssetState.FAILED, None)
    assert after.error is not None
    assert after.error.code == "attempts_spent"
    assert len(await world.messages("completed", "notify")) == 1


async def test_a_run_whose_committed_manifest_is_lost_fails_in_the_end(world: World) -> None:
    asset = await world.upload(recipe=ONE)
    for (topic, group), handler in world.handlers.items():
        for message in await world.messages(topic, group):
            if topic != "stored":
                await handler(message)
    everything = [i.key async for i in world.store.list(Bucket.PRODUCTION)]
    await world.store.delete(Bucket.PRODUCTION, everything)
    for _ in range(MAX_STALLS + 1):
        world.clock.forward(days=2)
        await world.reconcile.sweep()
        await world.pump()
    assert (await world.asset(asset.id)).state is AssetState.FAILED


async def test_a_record_that_cannot_be_treated_does_not_keep_others_waiting(
    world: World,
) -> None:
    first = await world.upload(recipe=ONE)
    await world.pump()
    await world.manage.process_again(first.id, world.recipes.resolve(TWO))
    await world.pump()
    everything = [i.key async for i in world.store.list(Bucket.PRODUCTION)]
    await world.store.delete(Bucket.PRODUCTION, everything)
    world.clock.forward(hours=25)
    second = await world.upload(recipe=ONE)
    await world.messages("received", "classify")
    world.clock.forward(minutes=10)
    for _ in range(2):
        await world.reconcile.sweep(limit=1)
    assert len(await world.messages("received", "classify")) == 1, second.id
    assert await world.reconcile.sweep() == 0


async def test_a_run_that_begins_while_an_older_one_is_tidied_keeps_its_products(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await world.upload(recipe=ONE)
    await world.pump()
    await world.manage.process_again(asset.id, world.recipes.resolve(TWO))
    await world.pump()
    world.clock.forward(hours=25)
    get = world.store.get

    async def meanwhile(bucket: Bucket, key: str) -> bytes:
        monkeypatch.setattr(world.store, "get", get)
        await world.manage.process_again(asset.id, world.recipes.resolve(ONE))
        await world.pump()
        return await get(bucket, key)

    monkeypatch.setattr(world.store, "get", meanwhile)
    await world.reconcile.sweep()
    after = await world.asset(asset.id)
    assert (after.run, after.state) == (3, AssetState.READY)
    for step in after.published.values():
        for file in step.files or ():
            assert await world.store.get(Bucket.PRODUCTION, file.key) == TEXT


async def test_what_a_late_worker_writes_after_the_purge_is_deleted_too(world: World) -> None:
    asset = await world.upload(recipe=ONE)
    await world.pump()
    await world.manage.delete(asset.id)
    world.clock.forward(days=8)
    await world.reconcile.sweep()
    late = f"{asset_prefix('default', asset.id)}one/1-7/late"
    await world.store.put(Bucket.PRODUCTION, late, b"x")
    world.clock.forward(days=2)
    await world.reconcile.sweep()
    assert await world.store.head(Bucket.PRODUCTION, late) is None
    assert (await world.asset(asset.id)).due_at is None
