"""Every address asks for a key, keeps projects apart, and minds the key's scopes."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2
import pytest

from mediakiln.model.access import Scope
from mediakiln.model.deadletter import DeadLetter
from mediakiln.model.ids import new_id
from mediakiln.model.keys import input_key
from mediakiln.model.upload import Offer, Upload
from mediakiln.stages.uploads.book import UploadBook
from mediakiln.web.auth import COOKIE
from support.site import Site, a_text, publish

from .conftest import OpenSite

KEY = "mk_the-owner's-key"

NEEDED: Final[Mapping[str, Scope]] = {
    "POST /v1/assets": Scope.UPLOAD,
    "DELETE /v1/assets/{id}": Scope.DELETE,
    "POST /v1/assets/{id}/process": Scope.PROCESS,
    "POST /v1/assets/{id}/restore": Scope.PROCESS,
    "POST /v1/assets/{id}/purge": Scope.PROCESS,
    "POST /v1/assets/{id}/deliveries/{delivery}/resend": Scope.PROCESS,
    "GET /v1/imports": Scope.READ,
    "GET /v1/imports/{id}": Scope.READ,
    "GET /v1/imports/{id}/items": Scope.READ,
    "GET /metrics": Scope.ADMIN,
}
FAMILIES: Final[Mapping[str, Scope]] = {
    "/v1/keys": Scope.ADMIN,
    "/v1/projects": Scope.ADMIN,
    "/v1/audit": Scope.ADMIN,
    "/v1/dead": Scope.ADMIN,
    "/v1/erasures": Scope.ADMIN,
    "/v1/uploaders": Scope.ADMIN,
    "/v1/tokens": Scope.UPLOAD,
    "/v1/uploads": Scope.UPLOAD,
    "/v1/tus": Scope.UPLOAD,
    "/v1/imports": Scope.UPLOAD,
    "/v1/notifications": Scope.UPLOAD,
    "/v1/assets": Scope.READ,
    "/v1/events": Scope.READ,
    "/v1/webhooks": Scope.ADMIN,
    "/v1/images": Scope.PROCESS,
    "/v1/operations": Scope.READ,
    "/v1/recipes": Scope.READ,
    "/v1/signin": Scope.READ,
}
"""By the address's beginning, for what is not in `NEEDED`."""

BODIES: Final[Mapping[str, Any]] = {
    "POST /v1/images/sign": {"addresses": ["/i/w_1/01936f5e-7a3b-7c44-9d5e-3f1b2a6c8d90"]},
    "POST /v1/keys": {"name": "k", "scopes": ["read"]},
    "POST /v1/projects": {"name": "p"},
    "POST /v1/tokens": {},
    "POST /v1/erasures": {"uploader": "ada"},
    "POST /v1/webhooks": {"url": "https://example.org/hook"},
}
"""What is read before the scope is looked at."""
TUS: Final = {
    "Tus-Resumable": "1.0.0",
    "Content-Type": "application/offset+octet-stream",
    "Upload-Offset": "0",
}
"""What the protocol asks for before it looks for an upload."""


@pytest.fixture
async def locked(open_site: OpenSite) -> Site:
    """A site whose client sends no key of its own, behind a proxy so that metrics ask too."""
    site = await open_site(owner_key=KEY)
    del site.http.headers["authorization"]
    site.http.headers["X-Forwarded-For"] = "203.0.113.7"
    await site.services.access.projects.create("other", by="owner")
    return site


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def a_key(site: Site, *scopes: Scope, project: str = "default", **more: Any) -> str:
    _, text = await site.services.access.keys.create(
        "k", project=project, scopes=scopes, by="owner", **more
    )
    return text


async def operations(site: Site) -> list[tuple[str, str]]:
    """Every (method, path) of the document that asks for a key."""
    document = (await site.http.get("/openapi.json")).json()
    return [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation.get("security") != []
    ]


async def ids_of(site: Site) -> dict[str, str]:
    """What there is in the project `default`, by the address's family."""
    asset = await site.world.upload()
    await publish(site.world, asset.id, "web", {"web.webp": b"webp"})
    key, _ = await site.services.access.keys.create(
        "k", project="default", scopes=[Scope.READ], by="owner"
    )
    now, id = site.world.clock(), new_id()
    await UploadBook(site.world.catalog, clock=site.world.clock).open(
        Upload(
            id=id,
            project="default",
            protocol="multipart",
            key=input_key("default", id, now),
            name="a.txt",
            size=10,
            part_size=10,
            created_at=now,
            expires_at=now.replace(year=now.year + 1),
        )
    )
    resumable = await site.services.tus.create(Offer(name="a.txt", size=10))
    letter = DeadLetter(
        id=new_id(),
        topic="received",
        group="classify",
        reason="r",
        attempts=1,
        project="default",
        key=asset.id,
        message_id=new_id(),
        body_b64="",
        buried_at=now,
    )
    await site.world.catalog.records("dead").put(letter.id, letter.to_json())
    return {
        "/v1/assets": asset.id,
        "/v1/keys": key.id,
        "/v1/uploads": id,
        "/v1/tus": resumable.id,
        "/v1/dead": letter.id,
        "/v1/imports": new_id(),
        "/v1/webhooks": new_id(),
        "/v1/erasures": new_id(),
    }


def filled(path: str, ids: Mapping[str, str]) -> str:
    family = next((ids[name] for name in ids if path.startswith(name)), "")
    others = {"name": "web", "number": "1", "delivery": "1", "uploader": "ada"}
    return path.format_map({"id": family} | others)


def needed(method: str, path: str) -> Scope:
    if scope := NEEDED.get(f"{method} {path}"):
        return scope
    found = [FAMILIES[name] for name in FAMILIES if f"{path}/".startswith(f"{name}/")]
    assert found, f"say in this test what {method} {path} needs"
    return found[0]


async def ask(
    site: Site, method: str, path: str, ids: Mapping[str, str], headers: Mapping[str, str]
) -> httpx2.Response:
    """The answer to what the document has; of a stream without end no more than its beginning."""
    body = BODIES.get(f"{method} {path}")
    more = {} if body is None else {"json": body}
    if path.startswith("/v1/tus"):
        headers = {**headers, **TUS}
    async with site.http.stream(method, filled(path, ids), headers=headers, **more) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return httpx2.Response(answer.status_code, text="")
        await answer.aread()
        return answer


async def test_no_address_opens_without_a_key(locked: Site) -> None:
    ids = await ids_of(locked)
    for method, path in await operations(locked):
        answer = await locked.http.request(method, filled(path, ids))
        assert answer.status_code == 401, (method, path)


async def test_no_address_shows_anything_of_another_project(locked: Site) -> None:
    ids = await ids_of(locked)
    headers = bearer(await a_key(locked, *Scope, project="other"))
    for method, path in await operations(locked):
        answer = await ask(locked, method, path, ids, headers)
        assert answer.status_code not in {401, 500}, (method, path)
        if "{id}" in path and "not_supported" not in answer.text:
            assert answer.status_code == 404, (method, path, answer.text)
        assert not any(id in answer.text for id in ids.values() if id not in path) or (
            "{id}" in path
        ), (method, path)
    asset = await locked.world.asset(ids["/v1/assets"])
    assert (asset.run, asset.state) == (1, "ready")


async def test_every_address_needs_one_scope_or_admin(locked: Site) -> None:
    ids = await ids_of(locked)
    texts = {scope: await a_key(locked, scope) for scope in Scope}
    for method, path in await operations(locked):
        wanted = needed(method, path)
        for scope, text in texts.items():
            if scope in {wanted, Scope.ADMIN}:
                continue
            answer = await ask(locked, method, path, ids, bearer(text))
            assert answer.status_code == 403, (method, path, scope, answer.text)
            if method != "HEAD":
                assert answer.json()["code"] == "forbidden"
    for method, path in await operations(locked):
        if method != "GET":
            continue
        for scope in (needed(method, path), Scope.ADMIN):
            answer = await ask(locked, method, path, ids, bearer(texts[scope]))
            assert answer.status_code in {200, 404}, (path, scope, answer.text)


@pytest.mark.parametrize(
    "query", ["key={}", "access_token={}", "token={}", "authorization=Bearer%20{}"]
)
async def test_a_key_in_an_address_is_never_accepted(locked: Site, query: str) -> None:
    text = await a_key(locked, *Scope)
    for given in (text, KEY):
        answer = await locked.http.get("/v1/assets?" + query.format(given))
        assert answer.status_code == 401


async def test_no_log_line_holds_a_key_a_token_or_a_session(
    locked: Site, caplog: pytest.LogCaptureFixture
) -> None:
    text = await a_key(locked, *Scope)
    with caplog.at_level(logging.DEBUG):
        made = await locked.http.post("/v1/keys", headers=bearer(KEY), json=BODIES["POST /v1/keys"])
        token = await locked.http.post("/v1/tokens", headers=bearer(text), json={})
        link = await locked.http.post("/v1/signin", headers=bearer(text))
        await locked.http.get(link.json()["url"])
        secrets = [KEY, text, made.json()["key"], token.json()["token"]]
        for given in secrets:
            await locked.http.get("/v1/assets", headers=bearer(given))
            await locked.http.post("/v1/nix", headers=bearer(given[:-2]))
            await locked.http.get(f"/v1/assets?key={given}")
            await locked.http.post("/session", data={"key": given})
        secrets += [link.json()["url"].partition("=")[2], locked.http.cookies[COOKIE]]
    ours = [record for record in caplog.records if record.name.startswith("mediakiln")]
    lines = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in ours)
    assert "POST /v1/keys 201" in lines
    for secret in secrets:
        assert secret[-43:-2] not in lines


async def test_the_owner_chooses_a_project_and_nobody_else_does(locked: Site) -> None:
    upload = "/v1/assets?filename=a.txt"
    there = {"X-Mediakiln-Project": "other"}
    made = await locked.http.post(upload, content=a_text(), headers=bearer(KEY) | there)
    assert (made.status_code, made.json()["project"]) == (201, "other")
    id = made.json()["id"]
    assert (await locked.world.asset(id)).source.key.startswith("other/")
    address = f"/v1/assets/{id}"
    assert (await locked.http.get(address, headers=bearer(KEY))).status_code == 404
    assert (await locked.http.get(address, headers=bearer(KEY) | there)).status_code == 200
    unknown = bearer(KEY) | {"X-Mediakiln-Project": "nowhere"}
    assert (await locked.http.get("/v1/assets", headers=unknown)).status_code == 404
    key = bearer(await a_key(locked, *Scope))
    assert (await locked.http.get(address, headers=key)).status_code == 404
    assert (await locked.http.get(address, headers=key | there)).status_code == 403
    own = key | {"X-Mediakiln-Project": "default"}
    assert (await locked.http.get("/v1/assets", headers=own)).status_code == 200


async def test_a_bound_uploader_stands_on_the_record_whatever_is_said(locked: Site) -> None:
    headers = bearer(await a_key(locked, Scope.UPLOAD, uploader="ada"))
    for upload in ("/v1/assets?filename=a.txt&uploader=eve", "/v1/assets?filename=b.txt"):
        made = await locked.http.post(upload, content=a_text(), headers=headers)
        assert made.json()["uploader"] == "ada"


async def test_a_key_is_shown_once_and_ends_when_it_is_revoked(locked: Site) -> None:
    wanted = {"name": "ci", "scopes": ["upload", "read"], "project": "other", "uploader": "ci"}
    made = await locked.http.post("/v1/keys", headers=bearer(KEY), json=wanted)
    assert made.status_code == 201
    key = made.json()
    assert key["key"].startswith(f"mk_{key['id']}_")
    assert (await locked.http.get("/v1/assets", headers=bearer(key["key"]))).status_code == 200
    listed = (await locked.http.get("/v1/keys", headers=bearer(KEY))).json()["keys"]
    assert [each["id"] for each in listed] == [key["id"]]
    assert listed[0]["last_used_at"]
    assert key["key"][-43:] not in str(listed)
    assert "digest" not in str(listed)
    ended = await locked.http.delete(f"/v1/keys/{key['id']}", headers=bearer(KEY))
    assert ended.json()["revoked_at"]
    assert (await locked.http.get("/v1/assets", headers=bearer(key["key"]))).status_code == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"scopes": []}, 422),
        ({"scopes": ["everything"]}, 422),
        ({"project": "nowhere"}, 404),
        ({"project": "NO"}, 422),
        ({"name": ""}, 422),
        ({"name": "a\x00b"}, 400),
        ({"uploader": "a\nb"}, 400),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 400),
        ({"expires_at": "2120-01-01T00:00:00"}, 422),
        ({"secret": "mine"}, 422),
    ],
)
async def test_a_key_that_cannot_be_is_refused(
    locked: Site, change: dict[str, Any], status: int
) -> None:
    wanted = {"name": "k", "scopes": ["read"]} | change
    answer = await locked.http.post("/v1/keys", headers=bearer(KEY), json=wanted)
    assert answer.status_code == status, answer.text


async def test_an_admin_of_one_project_stays_in_it(locked: Site) -> None:
    admin = bearer(await a_key(locked, Scope.ADMIN, project="other"))
    mine = await locked.http.post("/v1/keys", headers=admin, json={"name": "k", "scopes": ["read"]})
    assert mine.json()["project"] == "other"
    foreign = {"name": "k", "scopes": ["read"], "project": "default"}
    assert (await locked.http.post("/v1/keys", headers=admin, json=foreign)).status_code == 404
    project = await locked.http.post("/v1/projects", headers=admin, json={"name": "mine"})
    assert project.status_code == 403
    projects = (await locked.http.get("/v1/projects", headers=admin)).json()["projects"]
    assert [each["name"] for each in projects] == ["other"]
    audit = await locked.http.get("/v1/audit?project=default", headers=admin)
    assert {entry["project"] for entry in audit.json()["entries"]} == {"other"}


async def test_projects_are_made_once(locked: Site) -> None:
    for status in (201, 409):
        made = await locked.http.post("/v1/projects", headers=bearer(KEY), json={"name": "new"})
        assert made.status_code == status
    projects = (await locked.http.get("/v1/projects", headers=bearer(KEY))).json()["projects"]
    assert [each["name"] for each in projects] == ["default", "new", "other"]


async def entries(site: Site, query: str = "") -> list[dict[str, Any]]:
    found = await site.http.get(f"/v1/audit?limit=200&{query}", headers=bearer(KEY))
    listed: list[dict[str, Any]] = found.json()["entries"]
    return listed


def told(found: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for entry in found:
        yield entry["who"], entry["what"], entry["subject"]


async def test_the_trail_tells_who_did_what_from_where(locked: Site) -> None:
    asset = await locked.world.upload()
    text = await a_key(locked, Scope.DELETE, Scope.PROCESS)
    who = f"key:{text.split('_')[1]}"
    request = bearer(text) | {"X-Request-Id": "a-request-id"}
    await locked.http.post(f"/v1/assets/{asset.id}/process", headers=request)
    await locked.http.post(f"/v1/assets/{asset.id}/restore", headers=request)
    await locked.http.delete(f"/v1/assets/{asset.id}", headers=request)
    await locked.http.get("/v1/assets", headers=request)
    found = await entries(locked)
    assert list(told(found)) == [
        (who, "access.refused", "GET /v1/assets"),
        (who, "asset.deleted", asset.id),
        (who, "asset.restored", asset.id),
        (who, "asset.processed", asset.id),
    ]
    assert {entry["address"] for entry in found} == {"127.0.0.1"}
    assert {entry["request"] for entry in found} == {"a-request-id"}
    assert [entry["what"] for entry in await entries(locked, "what=asset.deleted")] == [
        "asset.deleted"
    ]


async def test_what_is_done_to_a_key_is_in_the_trail_of_its_project(locked: Site) -> None:
    wanted = {"name": "ci", "scopes": ["read"], "project": "other"}
    key = (await locked.http.post("/v1/keys", headers=bearer(KEY), json=wanted)).json()
    await locked.http.delete(f"/v1/keys/{key['id']}", headers=bearer(KEY))
    assert list(told(await entries(locked, "project=other"))) == [
        ("owner", "key.revoked", key["id"]),
        ("owner", "key.created", key["id"]),
    ]


async def test_behind_a_trusted_proxy_the_trail_has_the_clients_address(
    open_site: OpenSite,
) -> None:
    site = await open_site(owner_key=KEY, trust_proxy=True)
    proxied = {"X-Forwarded-For": "1.2.3.4, 203.0.113.9"}
    await site.http.post("/v1/projects", json={"name": "p"}, headers=proxied)
    [entry] = (await site.http.get("/v1/audit")).json()["entries"]
    assert entry["address"] == "203.0.113.9"


async def test_refusals_fill_the_trail_at_a_pace_of_its_own(locked: Site) -> None:
    await locked.http.get("/v1/assets")
    for number in range(70):
        await locked.http.get(f"/v1/assets/{number}", headers=bearer("wrong"))
    found = await entries(locked, "what=access.refused")
    assert len(found) == 60
    assert {entry["project"] for entry in found} == {"-"}
    assert {entry["detail"]["status"] for entry in found} == {401}
