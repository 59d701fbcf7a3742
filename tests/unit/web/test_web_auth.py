"""Who may come in."""

import base64
import time

import pytest
from starlette.types import Scope

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.model import access
from mediakiln.model.errors import Unauthorised
from mediakiln.stages.access import Access
from mediakiln.web.auth import COOKIE, TRUSTED_S, Auth, from_this_machine
from support.site import a_text, publish

from .conftest import OpenSite

KEY = "mk_the-owner's-key"
UPLOAD = "/v1/assets?filename=a.txt"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"Authorization": "Bearer \xff"},
        {"Cookie": f"{COOKIE}=wrong"},
        {"Cookie": f"{COOKIE}={KEY}"},
    ],
)
async def test_without_the_key_nothing_under_v1_opens(
    open_site: OpenSite, given: dict[str, str]
) -> None:
    site = await open_site(owner_key=KEY)
    asset = await site.world.upload()
    headers = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    del site.http.headers["authorization"]
    for method, path in (
        ("GET", "/v1/assets"),
        ("POST", UPLOAD),
        ("GET", f"/v1/assets/{asset.id}/original"),
        ("DELETE", f"/v1/assets/{asset.id}"),
        ("GET", "/v1/nix"),
    ):
        answer = await site.http.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_key_opens_everything_and_service_pages_need_none(open_site: OpenSite) -> None:
    site = await open_site(owner_key=KEY)
    assert (await site.http.post(UPLOAD, content=a_text())).status_code == 201
    del site.http.headers["authorization"]
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert (await site.http.get(path)).status_code == 200


async def test_public_delivery_opens_downloads_and_nothing_else(open_site: OpenSite) -> None:
    site = await open_site(owner_key=KEY, delivery_public=True)
    asset = await site.world.upload(a_text())
    await publish(site.world, asset.id, "web", {"web.webp": b"webp"})
    del site.http.headers["authorization"]
    product = await site.http.get(f"/v1/assets/{asset.id}/products/web")
    assert (product.status_code, product.content) == (200, b"webp")
    assert product.headers["cache-control"] == "public, no-cache"
    assert (await site.http.get(f"/v1/assets/{asset.id}")).status_code == 401
    assert (await site.http.delete(f"/v1/assets/{asset.id}")).status_code == 401


async def test_a_sign_in_link_gives_a_session_of_this_site_only(open_site: OpenSite) -> None:
    site = await open_site(owner_key=KEY)
    del site.http.headers["authorization"]
    wrong = await site.http.get("/signin?token=wrong")
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
    made = await site.http.post("/v1/signin", headers={"Authorization": f"Bearer {KEY}"})
    right = await site.http.get(made.json()["url"])
    assert (right.status_code, right.headers["location"]) == (303, "/")
    cookie = right.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/"))
    assert KEY.lower() not in cookie
    assert (await site.http.get("/v1/assets")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://{host}"}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
async def test_a_session_changes_things_only_from_our_own_page(
    open_site: OpenSite, headers: dict[str, str], status: int
) -> None:
    site = await open_site(owner_key=KEY)
    del site.http.headers["authorization"]
    site.http.cookies.set(COOKIE, await site.services.access.signin.open("owner"))
    host = site.url.removeprefix("http://")
    sent = {name: value.format(host=host) for name, value in headers.items()}
    answer = await site.http.post(UPLOAD, content=a_text(), headers=sent)
    assert answer.status_code == status
    assert (await site.http.get("/v1/assets", headers=sent)).status_code == 200


async def test_without_authentication_other_sites_pages_are_still_kept_out(
    open_site: OpenSite,
) -> None:
    site = await open_site()
    foreign = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    answer = await site.http.post(UPLOAD, content=a_text(), headers=foreign)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert (await site.http.post(UPLOAD, content=a_text())).status_code == 201


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8420", 200),
        ("192.168.1.5:8420", 200),
        ("[::1]:8420", 200),
        ("media.example", 200),
        ("rebound.example:8420", 403),
        ("[::1", 403),
    ],
)
async def test_without_authentication_a_name_pointed_here_opens_nothing(
    open_site: OpenSite, host: str, status: int
) -> None:
    site = await open_site(public_url="https://media.example")
    answer = await site.http.get("/v1/assets", headers={"Host": host})
    assert answer.status_code == status


def test_an_empty_key_is_no_key() -> None:
    with pytest.raises(ValueError, match="empty"):
        Access(MemoryCatalog.from_url("memory://"), owner_key="")


@pytest.mark.parametrize(
    ("client", "headers", "here"),
    [
        (("127.0.0.1", 1), [], True),
        (("::1", 1), [], True),
        (("10.0.0.1", 1), [], False),
        (("127.0.0.1", 1), [(b"x-forwarded-for", b"10.0.0.1")], False),
        (("127.0.0.1", 1), [(b"forwarded", b"for=10.0.0.1")], False),
        (("127.0.0.1", 1), [(b"x-forwarded-proto", b"https")], False),
        (("127.0.0.1", 1), [(b"x-forwarded-host", b"localhost")], False),
        (("10.0.0.1", 1), [(b"x-forwarded-for", b"127.0.0.1")], False),
        (None, [], False),
        (("testclient", 1), [], False),
    ],
)
def test_metrics_are_open_to_this_machine_but_not_through_a_proxy(
    client: object, headers: list[tuple[bytes, bytes]], here: bool
) -> None:
    scope: Scope = {"type": "http", "client": client, "headers": headers}
    assert from_this_machine(scope) is here


async def test_metrics_behind_a_proxy_need_the_key(open_site: OpenSite) -> None:
    site = await open_site(owner_key=KEY)
    proxied = {"X-Forwarded-For": "10.0.0.1"}
    assert (await site.http.get("/metrics", headers=proxied)).status_code == 200
    del site.http.headers["authorization"]
    assert (await site.http.get("/metrics", headers=proxied)).status_code == 401
    local = await site.http.get("/metrics")
    assert "mediakiln_uploads_total" in local.text


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"any:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
    ],
)
async def test_a_password_that_a_browser_sends_by_itself_changes_nothing_for_other_sites(
    open_site: OpenSite, headers: dict[str, str], status: int
) -> None:
    site = await open_site(owner_key=KEY)
    sent = {**headers, "Authorization": basic(KEY)}
    answer = await site.http.post(UPLOAD, content=a_text(), headers=sent)
    assert answer.status_code == status


async def test_a_password_for_a_proxy_does_not_stand_in_a_sessions_way(
    open_site: OpenSite,
) -> None:
    site = await open_site(owner_key=KEY)
    site.http.headers["authorization"] = basic("the proxy's")
    assert (await site.http.get("/v1/assets")).status_code == 401
    site.http.cookies.set(COOKIE, await site.services.access.signin.open("owner"))
    assert (await site.http.get("/v1/assets")).status_code == 200


def asking(key: str) -> Scope:
    headers = [(b"authorization", f"Bearer {key}".encode())]
    return {"type": "http", "method": "GET", "path": "/v1/assets", "headers": headers}


async def test_another_process_minds_a_revoked_key_within_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog, now = MemoryCatalog.from_url("memory://"), 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    here, there = (Access(catalog, owner_key=KEY) for _ in range(2))
    auth = Auth(there, open_=False)
    key, text = await here.keys.create(
        "k", project="default", scopes=[access.Scope.READ], by="owner"
    )
    assert (await auth.identify(asking(text))).id == f"key:{key.id}"
    await here.keys.revoke(key.id, project=None)
    now += TRUSTED_S - 0.1
    assert (await auth.identify(asking(text))).id == f"key:{key.id}"
    now += 0.2
    with pytest.raises(Unauthorised):
        await auth.identify(asking(text))


async def test_what_is_known_of_keys_is_read_from_the_catalog_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = Access(MemoryCatalog.from_url("memory://"), owner_key=KEY)
    auth = Auth(known, open_=False)
    _, text = await known.keys.create(
        "k", project="default", scopes=[access.Scope.READ], by="owner"
    )
    asked: list[str] = []
    bearer = known.bearer

    async def counting(given: str) -> access.Principal | None:
        asked.append(given)
        return await bearer(given)

    monkeypatch.setattr(known, "bearer", counting)
    for _ in range(5):
        await auth.identify(asking(text))
    assert asked == [text]
    auth.forget()
    await auth.identify(asking(text))
    assert asked == [text, text]
