"""News of runs that ended: to the settings' targets and the projects' webhooks, once each."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from mediakiln.adapters.notifier.webhook import WebhookNotifier
from mediakiln.model.errors import (
    Conflict,
    InvalidRequest,
    LimitExceeded,
    MediakilnError,
    NotFound,
    NotifyFailed,
)
from mediakiln.model.kind import AssetState
from mediakiln.model.messages import Completed, Message
from mediakiln.ports.notifier import Notifier
from mediakiln.stages.notify import Notify
from mediakiln.stages.notify.hook import Hook
from mediakiln.stages.notify.hooks import MAX_HOOKS, Hooks
from mediakiln.testing.notifier import Receiver
from support.world import NoRunner, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await opened.start()
    yield opened
    await opened.deliveries.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as opened:
        yield opened


async def added(world: World, receiver: Receiver, *events: str) -> Hook:
    url = f"http://127.0.0.1:{receiver.port}/hook"
    return await world.deliveries.hooks.add("default", url, events, by="owner")


async def told(world: World, state: AssetState = AssetState.READY) -> tuple[str, Message]:
    """An asset whose run ended, and the news of it."""
    asset = await world.upload()
    return asset.id, Completed(asset=asset.id, state=state, name="a.txt").to_message()


async def test_a_webhook_hears_of_its_project_once_and_can_check_the_signature(
    world: World, receiver: Receiver
) -> None:
    hook = await added(world, receiver)
    notify = Notify(world.deliveries, clock=world.clock)
    id, message = await told(world)
    await notify(message)
    await notify(message)
    (request,) = receiver.requests
    content = Webhook(hook.secret).verify(request.body, request.headers)
    assert (content["type"], content["data"]["asset"]) == ("asset.ready", id)
    await notify(Completed(asset=id, project="other", state=AssetState.READY).to_message())
    assert len(receiver.requests) == 1


async def test_a_webhook_hears_of_nothing_but_the_events_it_wants(
    world: World, receiver: Receiver
) -> None:
    await added(world, receiver, "asset.failed", "asset.failed")
    notify = Notify(world.deliveries, clock=world.clock)
    for state in (AssetState.READY, AssetState.REJECTED, AssetState.FAILED):
        await notify((await told(world, state))[1])
    assert [b"asset.failed" in request.body for request in receiver.requests] == [True]


async def test_a_delivery_is_sent_again_on_demand_with_the_same_id(
    world: World, receiver: Receiver
) -> None:
    await added(world, receiver)
    id, message = await told(world)
    await Notify(world.deliveries, clock=world.clock)(message)
    (entry,), _ = await world.deliveries.of(id, limit=10, cursor=None)
    assert "data" not in entry
    again = await world.deliveries.resend("default", id, entry["id"])
    assert (again["state"], len(again["attempts"])) == ("delivered", 2)
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_a_delivery_that_is_not_there_cannot_be_sent(
    world: World, receiver: Receiver
) -> None:
    hook = await added(world, receiver)
    id, message = await told(world)
    await Notify(world.deliveries, clock=world.clock)(message)
    (entry,), _ = await world.deliveries.of(id, limit=10, cursor=None)
    for wrong in ("", "nix", "a.b", f"{entry['id']}x", "../..", "a/b.c"):
        with pytest.raises(NotFound):
            await world.deliveries.resend("default", id, wrong)
    await world.deliveries.hooks.remove("default", hook.id)
    with pytest.raises(Conflict):
        await world.deliveries.resend("default", id, entry["id"])


async def test_a_webhook_that_fails_for_days_is_turned_off_and_told_why(
    world: World, receiver: Receiver
) -> None:
    hook = await added(world, receiver)
    receiver.status = "500 Internal Server Error"
    notify = Notify(world.deliveries, clock=world.clock)
    id, message = await told(world)
    for days, on in ((0, True), (4, True), (2, False)):
        world.clock.forward(days=days)
        with pytest.raises(NotifyFailed):
            await notify(message)
        assert (await world.deliveries.hooks.get("default", hook.id)).enabled is on
    (entry,), _ = await world.deliveries.of(id, limit=10, cursor=None)
    assert [attempt["status"] for attempt in entry["attempts"]] == [500, 500, 500]
    off = await world.deliveries.hooks.get("default", hook.id)
    assert off.disabled is not None
    assert "it has failed since" in off.disabled
    asked = len(receiver.requests)
    await notify(message)
    assert len(receiver.requests) == asked
    again = await world.deliveries.hooks.enable("default", hook.id)
    assert (again.enabled, again.failing_since, again.disabled) == (True, None, None)


async def test_one_success_ends_a_row_of_failures(world: World, receiver: Receiver) -> None:
    hook = await added(world, receiver)
    notify = Notify(world.deliveries, clock=world.clock)
    receiver.status = "500 Internal Server Error"
    _, message = await told(world)
    with pytest.raises(NotifyFailed):
        await notify(message)
    receiver.status = "200 OK"
    await notify(message)
    assert (await world.deliveries.hooks.get("default", hook.id)).failing_since is None


async def test_a_receiver_that_says_gone_is_turned_off_at_once(
    world: World, receiver: Receiver
) -> None:
    hook = await added(world, receiver)
    receiver.status = "410 Gone"
    await Notify(world.deliveries, clock=world.clock)((await told(world))[1])
    assert not (await world.deliveries.hooks.get("default", hook.id)).enabled


async def test_a_webhook_that_another_process_adds_is_told_of_the_next_run(
    world: World, receiver: Receiver
) -> None:
    notify = Notify(world.deliveries, clock=world.clock)
    await notify((await told(world))[1])
    elsewhere = Hooks(world.catalog, world.deliveries.hooks._open_hook, failing=timedelta(days=5))
    hook = await elsewhere.add("default", f"http://127.0.0.1:{receiver.port}/", (), by="owner")
    await notify((await told(world))[1])
    assert len(receiver.requests) == 1
    await elsewhere.remove("default", hook.id)
    await notify((await told(world))[1])
    assert len(receiver.requests) == 1


async def test_a_webhook_that_the_settings_allow_no_more_is_turned_off_and_hurts_no_other(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`notify_private` was true when it was added."""
    hooks = world.deliveries.hooks
    hook = await hooks.add("default", "https://10.0.0.1/hook", (), by="owner")
    other = await added(world, receiver)

    def strict(url: str, secret: str) -> Notifier:
        private = url.endswith(f":{receiver.port}/hook")
        return WebhookNotifier.from_url(url, secret=secret, allow_private=private)

    monkeypatch.setattr(hooks, "_open_hook", strict)
    await Notify(world.deliveries, clock=world.clock)((await told(world))[1])
    assert len(receiver.requests) == 1
    off = await hooks.get("default", hook.id)
    assert (off.enabled, off.disabled) == (
        False,
        "The webhook's host is not on the public internet.",
    )
    assert (await hooks.get("default", other.id)).enabled
    tried = await world.deliveries.test("default", hook.id)
    assert (tried["delivered"], tried["error"]) == (False, off.disabled)


async def test_a_webhook_on_a_private_address_is_told_nothing(
    world: World, receiver: Receiver
) -> None:
    hook = await added(world, receiver)
    closed = WebhookNotifier.from_url("https://localhost/hook", secret=hook.secret)
    world.deliveries.hooks._notifiers[hook.id] = closed
    id, message = await told(world)
    await Notify(world.deliveries, clock=world.clock)(message)
    (entry,), _ = await world.deliveries.of(id, limit=10, cursor=None)
    assert (entry["state"], entry["attempts"][0]["code"]) == ("refused", "notify_refused")
    assert not receiver.requests


async def test_a_test_says_what_came_of_it(world: World, receiver: Receiver) -> None:
    hook = await added(world, receiver)
    good = await world.deliveries.test("default", hook.id)
    assert (good["delivered"], good["status"]) == (True, 200)
    receiver.status = "503 Service Unavailable"
    bad = await world.deliveries.test("default", hook.id)
    assert (bad["delivered"], bad["code"], bad["status"]) == (False, "notify_failed", 503)
    assert b"webhook.test" in receiver.requests[0].body


async def test_what_cannot_be_a_webhook_is_refused(world: World, receiver: Receiver) -> None:
    hooks = world.deliveries.hooks
    for url, events in (("ftp://a/b", ()), ("nonsense", ()), ("https://a.example", ("asset.odd",))):
        with pytest.raises(InvalidRequest):
            await hooks.add("default", url, events, by="owner")
    for _ in range(MAX_HOOKS):
        await added(world, receiver)
    with pytest.raises(LimitExceeded):
        await added(world, receiver)


async def test_projects_do_not_see_one_another_s_webhooks(world: World, receiver: Receiver) -> None:
    hook = await added(world, receiver)
    hooks = world.deliveries.hooks
    assert not await hooks.list("other")
    for call in (hooks.get, hooks.remove, hooks.enable, world.deliveries.test):
        with pytest.raises(NotFound):
            await call("other", hook.id)


async def test_one_target_that_fails_keeps_no_other_from_the_news(
    world: World, receiver: Receiver
) -> None:
    async with Receiver() as broken:
        broken.status = "500 Internal Server Error"
        await added(world, broken)
        await added(world, receiver)
        notify = Notify(world.deliveries, clock=world.clock)
        _, message = await told(world)
        for _ in range(2):
            with pytest.raises(MediakilnError):
                await notify(message)
        assert (len(broken.requests), len(receiver.requests)) == (2, 1)


async def test_the_secret_is_not_in_logs(world: World, receiver: Receiver) -> None:
    hook = await added(world, receiver)
    assert hook.secret not in repr(hook)
