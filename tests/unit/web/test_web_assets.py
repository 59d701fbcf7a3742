"""Looking at assets and acting on them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from mediakiln.model.asset import Problem, StepRecord
from mediakiln.model.deadletter import DeadLetter
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState, StepState
from mediakiln.model.messages import Received
from mediakiln.stages.ledger import Change
from support.site import Site, a_text, publish

from .conftest import OpenSite

RECIPE = {"steps": {"z": {"op": "mock.copy"}, "a": {"op": "mock.copy", "from": "z"}}}
MISSING = "01936f5e-7a3b-7c44-9d5e-3f1b2a6c8d90"


async def test_assets_are_listed_newest_first_in_pages(site: Site) -> None:
    ids = []
    for number in range(5):
        site.world.clock.forward(seconds=1)
        ids.append((await site.world.upload(name=f"{number}.txt")).id)
    found, cursor = [], None
    for size in (2, 2, 1):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await site.http.get("/v1/assets", params=params)).json()
        assert len(page["assets"]) == size
        found += [asset["id"] for asset in page["assets"]]
        cursor = page["cursor"]
    assert (found, cursor) == (ids[::-1], None)


async def test_a_list_can_be_narrowed_by_state_and_kind(site: Site) -> None:
    first, second = await site.world.upload(), await site.world.upload()
    await publish(site.world, first.id, "web", {"web.webp": b"x"})
    for query, expected in (("state=ready", [first.id]), ("state=received", [second.id])):
        page = (await site.http.get(f"/v1/assets?{query}")).json()
        assert [asset["id"] for asset in page["assets"]] == expected
    assert (await site.http.get("/v1/assets?kind=image")).json()["assets"] == []


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("limit=0", 422, "limit"),
        ("limit=201", 422, "limit"),
        ("limit=x", 422, "limit"),
        ("state=nix", 422, "state"),
        ("kind=nix", 422, "kind"),
        ("cursor=nix", 400, None),
    ],
)
async def test_a_list_that_makes_no_sense_names_the_field(
    site: Site, query: str, status: int, field: str | None
) -> None:
    answer = await site.http.get(f"/v1/assets?{query}")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, "invalid_request")
    assert problem.get("field") == field


async def test_a_view_shows_steps_in_recipe_order_and_why_it_failed(site: Site) -> None:
    asset = await site.world.upload(recipe=RECIPE)
    why = Problem(code="bad_media", message="it is damaged", step="z")
    steps = {
        "a": StepRecord(state=StepState.SKIPPED),
        "z": StepRecord(state=StepState.FAILED, seconds=1.5, error=why),
    }
    end = asset.created_at + timedelta(seconds=3)
    update = {"state": AssetState.FAILED, "steps": steps, "error": why, "completed_at": end}
    await site.world.ledger.change(asset.id, lambda old: Change(old.model_copy(update=update)))
    view = (await site.http.get(f"/v1/assets/{asset.id}")).json()
    error = {"code": "bad_media", "message": "it is damaged", "step": "z"}
    assert view["steps"] == [
        {"name": "z", "state": "failed", "seconds": 1.5, "error": error, "srcset": None},
        {"name": "a", "state": "skipped", "seconds": None, "error": None, "srcset": None},
    ]
    assert (view["error"], view["turnaround_s"], view["recipe"]) == (error, 3.0, RECIPE)


async def test_addresses_are_those_the_client_knows(open_site: OpenSite) -> None:
    public = await open_site(public_url="https://media.example/")
    asset = (await public.http.post("/v1/assets?filename=a.txt", content=a_text())).json()
    assert asset["url"] == f"https://media.example/v1/assets/{asset['id']}/original"
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "proxy.example, inner"}
    for trust, start in ((True, "https://proxy.example/"), (False, "http://127.0.0.1:")):
        site = await open_site(trust_proxy=trust, world=public.world)
        view = (await site.http.get(f"/v1/assets/{asset['id']}", headers=proxied)).json()
        assert view["url"].startswith(start)


async def test_products_too_many_for_the_record_are_read_from_the_manifest(site: Site) -> None:
    asset = await site.world.upload()
    files = {f"{number:03}.webp": b"x" for number in range(120)}
    await publish(site.world, asset.id, "pages", files, inline=False)
    view = (await site.http.get(f"/v1/assets/{asset.id}")).json()
    assert [product["name"] for product in view["products"]] == [f"pages/{name}" for name in files]


async def test_a_record_whose_manifest_is_lost_is_shown_without_its_products(site: Site) -> None:
    asset = await site.world.upload()
    done = await publish(site.world, asset.id, "pages", {"1.webp": b"x"}, inline=False)
    await site.world.store.delete(Bucket.PRODUCTION, [done.published["pages"].manifest])
    view = await site.http.get(f"/v1/assets/{asset.id}")
    assert (view.status_code, view.json()["state"], view.json()["products"]) == (200, "ready", [])


@pytest.mark.parametrize("id", ["x", "%2E%2E", MISSING, MISSING.upper(), "%00", "a" * 5000])
async def test_an_id_that_names_nothing_is_a_404_everywhere(site: Site, id: str) -> None:
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/process"),
        ("POST", "/restore"),
        ("GET", "/events"),
        ("GET", "/deliveries"),
        ("GET", "/original"),
    ):
        answer = await site.http.request(method, f"/v1/assets/{id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)


@pytest.mark.parametrize(
    ("body", "name", "steps"),
    [
        (b"", None, ["z", "a"]),
        (b"{}", None, ["z", "a"]),
        (b'{"recipe": null}', None, ["z", "a"]),
        (b'{"recipe": "document"}', "document", ["text"]),
        (b'{"recipe": {"steps": {"t": {"op": "document.text"}}}}', None, ["t"]),
        (b'{"steps": {"t": {"op": "document.text"}}}', None, ["t"]),
    ],
)
async def test_an_asset_is_processed_again_with_any_recipe(
    site: Site, body: bytes, name: str | None, steps: list[str]
) -> None:
    asset = await site.world.upload(recipe=RECIPE)
    answer = await site.http.post(f"/v1/assets/{asset.id}/process", content=body)
    view = answer.json()
    assert (answer.status_code, view["run"], view["state"]) == (202, 2, "received")
    assert view["recipe"].get("name") == name
    assert list(view["recipe"]["steps"]) == steps


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[]", 400, "invalid_request"),
        (b"{", 400, "invalid_request"),
        (b"\xff", 400, "invalid_request"),
        (b"[" * 60_000, 400, "invalid_request"),
        (b'{"recipe": 5}', 400, "invalid_request"),
        (b'{"receipt": "image"}', 400, "invalid_request"),
        (b'{"recipe": "nix"}', 422, "unknown_recipe"),
        (b'{"steps": {}}', 422, "invalid_recipe"),
        (json.dumps({"recipe": "x" * 70_000}).encode(), 413, "too_large"),
    ],
)
async def test_a_body_that_asks_for_nothing_known_changes_nothing(
    site: Site, body: bytes, status: int, code: str
) -> None:
    asset = await site.world.upload()
    answer = await site.http.post(f"/v1/assets/{asset.id}/process", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await site.world.asset(asset.id)).run == 1


async def test_a_deleted_asset_is_gone_and_deleting_again_is_no_error(site: Site) -> None:
    asset = await site.world.upload()
    for _ in range(2):
        answer = await site.http.delete(f"/v1/assets/{asset.id}")
        assert (answer.status_code, answer.json()["state"]) == (202, "deleting")
    for method, path in (("GET", ""), ("POST", "/process"), ("POST", "/restore")):
        answer = await site.http.request(method, f"/v1/assets/{asset.id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (410, "gone")


async def test_restore_brings_products_back_or_says_that_it_cannot(site: Site) -> None:
    asset = await site.world.upload()
    done = await publish(site.world, asset.id, "web", {"web.webp": b"x"})
    nothing = await site.http.post(f"/v1/assets/{asset.id}/restore")
    assert (nothing.status_code, nothing.json()["restored"]) == (200, 0)
    files = done.published["web"].files or ()
    await site.world.store.delete(Bucket.PRODUCTION, [file.key for file in files])
    lost = await site.http.post(f"/v1/assets/{asset.id}/restore")
    assert (lost.status_code, lost.json()["code"]) == (409, "conflict")


async def test_deliveries_of_an_asset_are_its_own(site: Site) -> None:
    asset, other = await site.world.upload(), await site.world.upload()
    records = site.world.catalog.records("deliveries")
    for owner in (asset, other):
        for number in range(3):
            await records.put(f"{owner.id}/{number}/hook", {"asset": owner.id, "number": number})
    page = (await site.http.get(f"/v1/assets/{asset.id}/deliveries?limit=2")).json()
    assert [entry["number"] for entry in page["deliveries"]] == [0, 1]
    rest = await site.http.get(f"/v1/assets/{asset.id}/deliveries?cursor={page['cursor']}")
    assert rest.json()["cursor"] is None
    [last] = rest.json()["deliveries"]
    assert (last["asset"], last["number"]) == (asset.id, 2)


async def a_dead_letter(site: Site) -> dict[str, Any]:
    message = Received(asset=MISSING).to_message()
    letter = DeadLetter.of(
        message, id=message.id, topic="received", group="classify", reason="odd", attempts=5,
        at=site.world.clock(),
    )  # fmt: skip
    await site.world.dead.store(letter.to_message())
    return letter.to_json()


async def test_dead_letters_are_listed_replayed_and_dropped(site: Site) -> None:
    letter, other = await a_dead_letter(site), await a_dead_letter(site)
    page = (await site.http.get("/v1/dead")).json()
    assert [item["id"] for item in page["letters"]] == [letter["id"], other["id"]]
    assert (await site.http.get(f"/v1/dead/{letter['id']}")).json()["reason"] == "odd"
    assert (await site.http.post(f"/v1/dead/{letter['id']}/replay")).status_code == 200
    replayed = await site.world.messages("received", "classify")
    assert [message.id for message in replayed] == [letter["message_id"]]
    assert (await site.http.delete(f"/v1/dead/{other['id']}")).status_code == 200
    for method, path in (("GET", ""), ("POST", "/replay"), ("DELETE", "")):
        answer = await site.http.request(method, f"/v1/dead/{letter['id']}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await site.http.get("/v1/dead")).json() == {"letters": [], "cursor": None}
