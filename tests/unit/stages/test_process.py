"""A worker claims, works, commits; whoever dies or doubles leaves one committed result set."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from mediakiln.model.asset import Asset
from mediakiln.model.errors import Crashed, EngineError, Leased, ObjectMissing, StorageFull
from mediakiln.model.ids import new_id
from mediakiln.model.keys import Bucket, asset_prefix, input_key
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.messages import Finished, Message, Stored
from mediakiln.model.product import Manifest
from mediakiln.stages.ledger import Change
from mediakiln.stages.process.plan import plan
from support.world import TEXT, World

ONE = {"steps": {"one": {"op": "mock.copy"}}}


async def _job(world: World, recipe: object = ONE, data: bytes = TEXT) -> tuple[str, Message]:
    asset = await world.upload(data, recipe=recipe)
    for message in await world.messages("received", "classify"):
        await world.classify(message)
    (message,) = await world.messages("jobs.document", "process")
    return asset.id, message


async def _claimed(world: World, id: str) -> None:
    while (await world.asset(id)).claim is None:  # noqa: ASYNC110 - a record sends no events
        await asyncio.sleep(0.01)


async def _objects(world: World, id: str) -> list[str]:
    prefix = asset_prefix("default", id)
    return [item.key async for item in world.store.list(Bucket.PRODUCTION, prefix)]


async def test_a_claimed_run_is_left_to_its_worker(world: World) -> None:
    id, job = await _job(world, {"steps": {"slow": {"op": "mock.sleep", "seconds": 1.0}}})
    first = asyncio.create_task(world.process(job))
    await _claimed(world, id)
    with pytest.raises(Leased) as caught:
        await world.worker("worker-2")(job)
    assert 0 < caught.value.context["retry_after"] <= world.lease_s
    await first


async def test_a_lapsed_claim_is_taken_over_and_the_old_worker_stops(world: World) -> None:
    world.lease_s = 1.0
    slow = world.worker("slow")
    id, job = await _job(world, {"steps": {"slow": {"op": "mock.sleep", "seconds": 100}}})
    held = asyncio.create_task(slow(job))
    await _claimed(world, id)
    again = await world.manage.process_again(id, world.recipes.resolve(ONE))
    async with asyncio.timeout(50):
        await held
    assert again.run == 2
    await world.pump()
    after = await world.asset(id)
    assert (after.state, list(after.published)) == (AssetState.READY, ["one"])
    assert not list((world.tmp / "scratch").rglob("slow/*")), "scratch was left behind"


async def test_two_workers_after_a_lapse_commit_one_result_set(world: World) -> None:
    id, job = await _job(world)
    asset = await world.asset(id)
    await world.process(job)
    world.clock.forward(minutes=5)
    await world.worker("worker-2")(job)
    digests = {
        Stored.of(message).products.digest for message in await world.messages("stored", "join")
    }
    assert len(digests) == 1
    manifests = [key for key in await _objects(world, id) if key.endswith(".manifest.json")]
    assert len(manifests) == 1
    assert asset.attempts == 0


async def test_the_loser_of_a_commit_deletes_its_files(world: World) -> None:
    id, job = await _job(world)
    before = await world.asset(id)
    await world.process(job)
    key = (await _objects(world, id))[-1]
    manifest = Manifest.model_validate_json(
        await world.store.get(Bucket.PRODUCTION, f"default/{id}/one/1.manifest.json")
    )
    held = before.model_copy(update={"attempts": 2})
    planned = next(iter(plan(await world.asset(id), world.operations, {}).values()))
    late = await world.process._commits.reuse(held, 2, planned)
    assert late == manifest, "the first manifest stands"
    assert key in await _objects(world, id)
    assert not [name for name in await _objects(world, id) if "/1-2/" in name]


async def test_a_first_kill_costs_an_attempt_and_a_second_fails_the_step(world: World) -> None:
    recipe = {"steps": {"bang": {"op": "mock.segfault"}, "fine": {"op": "mock.copy"}}}
    id, job = await _job(world, recipe)
    with pytest.raises(Crashed):
        await world.process(job)
    between = await world.asset(id)
    assert (between.state, between.kills) == (AssetState.PROCESSING, {"bang": 1})
    assert between.claim is None, "another attempt may start at once"
    await world.process(job)
    await world.pump()
    after = await world.asset(id)
    assert after.state is AssetState.FAILED
    assert after.error is not None
    assert (after.error.code, after.error.step) == ("crashed", "bang")
    assert after.steps["fine"].state is StepState.DONE, "steps behind the bad one are still done"
    assert list(after.published) == ["fine"]


async def test_a_file_that_ends_every_step_fails_each_with_its_own_error(world: World) -> None:
    steps: dict[str, object] = {f"bang-{n}": {"op": "mock.segfault"} for n in range(5)}
    steps |= {"after": {"op": "mock.copy", "from": "bang-0"}, "fine": {"op": "mock.copy"}}
    id, job = await _job(world, {"steps": steps})
    with pytest.raises(Crashed):
        await world.process(job)
    assert set((await world.asset(id)).kills.values()) == {1}
    await world.process(job)
    await world.pump()
    after = await world.asset(id)
    codes = [step.error.code for step in after.steps.values() if step.error is not None]
    assert codes == ["crashed"] * 5
    states = after.steps["after"].state, after.steps["fine"].state
    assert states == (StepState.SKIPPED, StepState.DONE)


async def test_attempts_that_are_spent_fail_the_run(world: World) -> None:
    id, job = await _job(world)
    await world.ledger.change(id, _spent)
    await world.process(job)
    await world.pump()
    after = await world.asset(id)
    assert after.state is AssetState.FAILED
    assert after.error is not None
    assert after.error.code == "attempts_spent"


def _spent(asset: Asset) -> Change:
    return Change(asset.model_copy(update={"attempts": 5}))


async def test_an_engine_failure_does_not_count_as_an_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, job = await _job(world)
    put_file = world.store.put_file

    async def full(*_: object, **__: object) -> None:
        raise StorageFull

    monkeypatch.setattr(world.store, "put_file", full)
    for _ in range(7):
        with pytest.raises(StorageFull):
            await world.process(job)
    monkeypatch.setattr(world.store, "put_file", put_file)
    assert (await world.asset(id)).counted_attempts == 0
    await world.process(job)
    await world.pump()
    assert (await world.asset(id)).state is AssetState.READY


async def test_equal_work_in_a_project_is_copied_and_not_done_again(world: World) -> None:
    _, job = await _job(world)
    await world.process(job)
    twin, again = await _job(world)
    await world.process(again)
    await world.pump()
    manifest = Manifest.model_validate_json(
        await world.store.get(Bucket.PRODUCTION, f"default/{twin}/one/1.manifest.json")
    )
    assert manifest.lineage.reused_from is not None
    assert manifest.files[0].key.startswith(f"default/{twin}/"), "objects belong to one asset"
    assert await world.store.get(Bucket.PRODUCTION, manifest.files[0].key) == TEXT


async def test_work_of_another_project_is_never_reused(world: World) -> None:
    _, job = await _job(world)
    await world.process(job)
    other = await world.upload(TEXT, recipe=ONE, project="other")
    await world.pump()
    manifest = Manifest.model_validate_json(
        await world.store.get(Bucket.PRODUCTION, f"other/{other.id}/one/1.manifest.json")
    )
    assert manifest.lineage.reused_from is None


async def test_a_manifest_tells_how_to_make_the_product_again(world: World) -> None:
    id, job = await _job(world)
    await world.process(job)
    raw = await world.store.get(Bucket.PRODUCTION, f"default/{id}/one/1.manifest.json")
    lineage = Manifest.model_validate_json(raw).lineage
    asset = await world.asset(id)
    assert lineage.source == asset.checksum
    assert (lineage.operation, lineage.version) == ("mock.copy", 1)
    assert lineage.params["times"] == 1
    assert "pydantic" in lineage.tools


async def test_every_product_has_its_archive_copy(world: World) -> None:
    id, job = await _job(world)
    await world.process(job)
    await world.pump()
    (file,) = (await world.asset(id)).published["one"].files or ()
    assert file.archive_key is not None
    assert file.archive_key.startswith(f"{world.clock():%Y-%m-%d}/default/")
    assert await world.store.get(Bucket.ARCHIVE, file.archive_key) == TEXT


async def test_a_deleted_asset_is_not_worked_on(world: World) -> None:
    id, job = await _job(world)
    await world.manage.delete(id)
    await world.process(job)
    assert await world.messages("finished", "join") == []
    assert await _objects(world, id) == []


async def test_an_operation_that_is_gone_fails_the_run_with_its_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, job = await _job(world)
    monkeypatch.delitem(world.operations._operations, "mock.copy")
    await world.process(job)
    (message,) = await world.messages("finished", "join")
    error = Finished.of(message).error
    assert error is not None
    assert error.code == "invalid_recipe"
    await world.join.finished(message)
    assert (await world.asset(id)).state is AssetState.FAILED


async def test_no_scratch_is_left(world: World) -> None:
    _, job = await _job(world)
    await world.process(job)
    left = [path for path in Path(world.tmp / "scratch").rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["worker-1.lock"]


async def test_an_attempt_that_was_given_back_leaves_its_place_to_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, job = await _job(world, {"steps": {"one": {"op": "mock.copy", "times": 3}}})
    put_file, slow = world.store.put_file, asyncio.Event()

    async def torn(bucket: Bucket, key: str, path: Path, *, checksum: str) -> object:
        if key.endswith("copy-1"):
            raise StorageFull
        await slow.wait()
        return await put_file(bucket, key, path, checksum=checksum)

    monkeypatch.setattr(world.store, "put_file", torn)
    with pytest.raises(StorageFull):
        await world.process(job)
    monkeypatch.setattr(world.store, "put_file", put_file)
    slow.set()
    await asyncio.sleep(0.05)
    assert await _objects(world, id) == [], "nothing is written after the run was given back"
    await world.process(job)
    assert any("/1-2/" in key for key in await _objects(world, id))


async def test_a_step_committed_by_an_attempt_that_was_given_back_stands(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, job = await _job(world)
    publish = world.broker.publish

    async def away(topic: str, *given: object, **more: object) -> None:
        if topic in {"stored", "finished"}:
            raise EngineError("not now")
        await publish(topic, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(world.broker, "publish", away)
    with pytest.raises(EngineError):
        await world.process(job)
    monkeypatch.setattr(world.broker, "publish", publish)
    before = await _objects(world, id)
    await world.process(job)
    assert await _objects(world, id) == before
    await world.pump()
    assert (await world.asset(id)).state is AssetState.READY


async def test_an_engine_that_fails_again_and_again_ends_the_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, job = await _job(world)

    async def broken(*_: object, **__: object) -> None:
        raise EngineError("a bad sector")

    monkeypatch.setattr(world.store, "put_file", broken)
    for _ in range(40):
        try:
            await world.process(job)
        except EngineError:
            continue
        break
    await world.pump()
    after = await world.asset(id)
    assert after.state is AssetState.FAILED
    assert after.error is not None
    assert after.error.code == "attempts_spent"


async def test_a_run_whose_last_attempt_breaks_too_is_abandoned(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, job = await _job(world)

    async def breaks(*_: object) -> None:
        raise RuntimeError("a manifest nobody can read")

    monkeypatch.setattr(world.process._commits, "reuse", breaks)
    for _ in range(6):
        with pytest.raises(RuntimeError):
            await world.process(job)
        world.clock.forward(minutes=5)
    await world.process(job)
    await world.pump()
    after = await world.asset(id)
    assert after.error is not None
    assert (after.state, after.error.code) == (AssetState.FAILED, "attempts_spent")


async def test_a_copy_that_cannot_be_completed_leaves_nothing_and_the_work_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {"steps": {"one": {"op": "mock.copy", "times": 3}}}
    _, job = await _job(world, recipe)
    await world.process(job)
    twin, again = await _job(world, recipe)
    copy = world.store.copy

    async def purged(source: tuple[Bucket, str], target: tuple[Bucket, str]) -> object:
        if source[1].endswith("copy-2") and target[0] is Bucket.PRODUCTION:
            raise ObjectMissing
        return await copy(source, target)

    monkeypatch.setattr(world.store, "copy", purged)
    planned = next(iter(plan(await world.asset(twin), world.operations, {}).values()))
    assert await world.process._commits.reuse(await world.asset(twin), 1, planned) is None
    assert await _objects(world, twin) == []
    await world.process(again)
    await world.pump()
    assert (await world.asset(twin)).published["one"].count == 3


@pytest.mark.parametrize(
    ("now", "code"), [(b"Other text.\n", "source_changed"), (None, "object_missing")]
)
async def test_an_upload_that_was_replaced_meanwhile_is_not_worked_on(
    world: World, now: bytes | None, code: str
) -> None:
    created = world.clock()
    id = new_id()
    key = input_key("default", id, created)
    await world.store.put(Bucket.INPUT, key, TEXT)
    await world.adoption(key)
    for message in await world.messages("received", "classify"):
        await world.classify(message)
    (job,) = await world.messages("jobs.document", "process")
    if now is None:
        await world.store.delete(Bucket.INPUT, [key])
    else:
        await world.store.put(Bucket.INPUT, key, now)
    await world.process(job)
    await world.pump()
    after = await world.asset(id)
    assert after.error is not None
    assert (after.state, after.error.code) == (AssetState.FAILED, code)
    assert await _objects(world, id) == []


async def test_an_upload_that_is_replaced_while_it_is_fetched_is_not_worked_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = new_id()
    key = input_key("default", id, world.clock())
    await world.store.put(Bucket.INPUT, key, TEXT)
    await world.adoption(key)
    for message in await world.messages("received", "classify"):
        await world.classify(message)
    (job,) = await world.messages("jobs.document", "process")
    download = world.store.download

    async def late(bucket: Bucket, name: str, path: Path) -> None:
        await world.store.put(bucket, name, b"Other text.\n")
        await download(bucket, name, path)

    monkeypatch.setattr(world.store, "download", late)
    await world.process(job)
    await world.pump()
    after = await world.asset(id)
    assert after.error is not None
    assert (after.state, after.error.code) == (AssetState.FAILED, "source_changed")


@pytest.mark.parametrize(
    ("child", "code"),
    [
        ({"op": "mock.copy", "from": "one/none.txt"}, "invalid_recipe"),
        ({"op": "mock.only_text", "from": "one"}, "unsupported_media_type"),
    ],
)
async def test_a_step_fails_alike_whether_its_parent_was_made_now_or_before(
    world: World, child: dict[str, str], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = replace(world.operations.get("mock.copy"), produces=("*/*",))
    monkeypatch.setitem(world.operations._operations, "mock.copy", copies)
    one = {"op": "mock.copy", "media_type": "image/png"}
    recipe = {"steps": {"one": one, "bad": child, "fine": {"op": "mock.copy", "times": 2}}}
    for _ in range(2):
        id, job = await _job(world, recipe)
        await world.process(job)
        await world.pump()
        after = await world.asset(id)
        assert after.error is not None
        assert (after.state, after.error.code, after.error.step) == (
            AssetState.FAILED,
            code,
            "bad",
        )
        assert set(after.published) == {"one", "fine"}


async def test_a_link_in_place_of_a_product_brings_no_file_of_the_worker_s(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = world.tmp / "secret"
    secret.write_bytes(b"what only the worker can read")
    put_file = world.store.put_file

    async def late(bucket: Bucket, key: str, path: Path, *, checksum: str) -> object:
        if "/one/" in key:
            beside = path.parent.parent / "scratch" / "out"
            (beside / "go").touch()
            while not (beside / "went").exists():  # noqa: ASYNC110 - a child sends no events
                await asyncio.sleep(0.01)
        return await put_file(bucket, key, path, checksum=checksum)

    monkeypatch.setattr(world.store, "put_file", late)
    tamper = {"op": "mock.tamper", "target": "../one/copy", "link": str(secret)}
    id, job = await _job(world, {"steps": {"one": {"op": "mock.copy"}, "two": tamper}})
    await world.process(job)
    (key,) = (name for name in await _objects(world, id) if name.endswith("one/1-1/copy"))
    assert await world.store.get(Bucket.PRODUCTION, key) == TEXT


async def test_bytes_other_than_reported_are_not_committed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_file = world.store.put_file

    async def changed(bucket: Bucket, key: str, path: Path, *, checksum: str) -> object:
        if key.endswith("copy-1"):
            path.chmod(0o600)
            path.write_bytes(b"x" * len(TEXT))
        return await put_file(bucket, key, path, checksum=checksum)

    monkeypatch.setattr(world.store, "put_file", changed)
    id, job = await _job(world, {"steps": {"one": {"op": "mock.copy", "times": 2}}})
    with pytest.raises(Crashed, match="not what was reported"):
        await world.process(job)
    assert await _objects(world, id) == []
    between = await world.asset(id)
    assert (between.state, between.kills) == (AssetState.PROCESSING, {"one": 1})
    await world.process(job)
    await world.pump()
    after = await world.asset(id)
    assert (after.state, after.steps["one"].state) == (AssetState.FAILED, StepState.FAILED)
    assert not [path for path in (world.tmp / "scratch").rglob("*") if path.is_file()][1:]


async def test_no_child_works_in_what_another_left(world: World) -> None:
    recipe = {"steps": {name: {"op": "mock.flaky", "marker": "been-here"} for name in ("a", "b")}}
    id, job = await _job(world, recipe)
    with pytest.raises(Crashed):
        await world.process(job)
    await world.process(job)
    assert (await world.asset(id)).kills == {"a": 2, "b": 2}
