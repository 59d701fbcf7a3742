"""Webhooks and the log of deliveries, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from mediakiln.model.kind import AssetState
from mediakiln.model.messages import Completed
from mediakiln.stages.notify import Notify
from mediakiln.testing.notifier import Receiver
from support.site import Site


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as opened:
        yield opened


async def added(site: Site, receiver: Receiver, **said: Any) -> dict[str, Any]:
    body = {"url": f"http://127.0.0.1:{receiver.port}/hook", **said}
    answer = await site.http.post("/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_webhook_s_secret_is_shown_once(site: Site, receiver: Receiver) -> None:
    hook = await added(site, receiver, events=["asset.failed"])
    assert hook["secret"].startswith("whsec_")
    assert (hook["events"], hook["enabled"], hook["by"]) == (["asset.failed"], True, "owner")
    one = await site.http.get(f"/v1/webhooks/{hook['id']}")
    listed = await site.http.get("/v1/webhooks")
    assert [each["id"] for each in listed.json()["webhooks"]] == [hook["id"]]
    for answer in (one, listed):
        assert hook["secret"] not in answer.text


async def test_a_webhook_can_be_tried_and_removed(site: Site, receiver: Receiver) -> None:
    path = f"/v1/webhooks/{(await added(site, receiver))['id']}"
    tried = (await site.http.post(f"{path}/test")).json()
    assert (tried["delivered"], tried["status"]) == (True, 200)
    assert (await site.http.delete(path)).status_code == 204
    for method, address in (
        ("GET", path),
        ("DELETE", path),
        ("POST", f"{path}/test"),
        ("POST", f"{path}/enable"),
        ("GET", "/v1/webhooks/nix"),
    ):
        answer = await site.http.request(method, address)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_webhook_that_was_turned_off_can_be_turned_on(
    site: Site, receiver: Receiver
) -> None:
    hook = await added(site, receiver)
    receiver.status = "410 Gone"
    asset = await site.world.upload()
    message = Completed(asset=asset.id, state=AssetState.READY).to_message()
    await Notify(site.world.deliveries, clock=site.world.clock)(message)
    path = f"/v1/webhooks/{hook['id']}"
    off = (await site.http.get(path)).json()
    assert (off["enabled"], "410" in off["disabled"]) == (False, True)
    assert (await site.http.post(f"{path}/enable")).json()["enabled"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": 5},
        {"url": "log://"},
        {"url": "nonsense"},
        {"url": "https://"},
        {"url": "https://a.example/" + "x" * 2000},
        {"url": "https://a.example", "events": ["asset.odd"]},
        {"url": "https://a.example", "secret": "mine"},
    ],
)
async def test_what_cannot_be_a_webhook_is_refused(site: Site, body: dict[str, Any]) -> None:
    answer = await site.http.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert not (await site.http.get("/v1/webhooks")).json()["webhooks"]


async def test_a_delivery_is_listed_and_sent_again(site: Site, receiver: Receiver) -> None:
    await added(site, receiver)
    asset = await site.world.upload()
    message = Completed(asset=asset.id, state=AssetState.READY).to_message()
    await Notify(site.world.deliveries, clock=site.world.clock)(message)
    path = f"/v1/assets/{asset.id}/deliveries"
    (delivery,) = (await site.http.get(path)).json()["deliveries"]
    assert (delivery["state"], delivery["type"]) == ("delivered", "asset.ready")
    again = await site.http.post(f"{path}/{delivery['id']}/resend")
    assert (again.status_code, len(again.json()["attempts"])) == (200, 2)
    assert len(receiver.requests) == 2
    for wrong in (f"{path}/nix/resend", f"/v1/assets/nix/deliveries/{delivery['id']}/resend"):
        assert (await site.http.post(wrong)).status_code == 404
