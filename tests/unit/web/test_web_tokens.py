"""Upload tokens at the doors: what they open, and what they hold uploads to."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mediakiln.model.access import Principal, Scope
from support import media
from support.site import Site, a_text

from .conftest import OpenSite

KEY = "mk_the-owner's-key"
UPLOAD = "/v1/assets?filename=a.txt"


@pytest.fixture
async def locked(open_site: OpenSite) -> Site:
    """A site whose client sends no key of its own."""
    site = await open_site(owner_key=KEY)
    del site.http.headers["authorization"]
    await site.services.access.projects.create("other", by="owner")
    return site


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def a_token(site: Site, **wanted: Any) -> dict[str, str]:
    """The header of a token, for the project `other`."""
    _, key = await site.services.access.keys.create(
        "page", project="other", scopes=[Scope.UPLOAD], by="owner"
    )
    made = await site.http.post("/v1/tokens", headers=bearer(key), json=wanted)
    assert made.status_code == 201, made.text
    return bearer(made.json()["token"])


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_token_opens_the_ways_in_and_nothing_else(locked: Site) -> None:
    token = await a_token(locked)
    made = await locked.http.post(UPLOAD, content=a_text(), headers=token)
    assert (made.status_code, made.json()["project"]) == (201, "other")
    id = made.json()["id"]
    for method, path in (
        ("GET", "/v1/assets"),
        ("GET", f"/v1/assets/{id}"),
        ("GET", f"/v1/assets/{id}/original"),
        ("DELETE", f"/v1/assets/{id}"),
        ("POST", f"/v1/assets/{id}/process"),
        ("GET", "/v1/uploads"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/tokens"),
        ("POST", "/v1/signin"),
        ("GET", "/v1/operations"),
        ("GET", "/"),
        ("POST", f"/assets/{id}/delete"),
        ("POST", "/v1/uploadsX"),
    ):
        answer = await locked.http.request(method, path, headers=token)
        assert code(answer) == (403, "forbidden"), (method, path)
    session = await locked.http.post("/session", data={"key": token["Authorization"][7:]})
    assert session.status_code == 401
    assert "mediakiln_session" not in locked.http.cookies


async def test_a_token_starts_large_uploads_and_its_limits_go_with_them(locked: Site) -> None:
    token = await a_token(locked, types=["image/*"], uploader="ada")
    opened = await locked.http.post(
        "/v1/uploads", headers=token, json={"filename": "a.txt", "size": 100}
    )
    assert (opened.status_code, opened.json()["uploader"]) == (201, "ada")
    url = opened.json()["url"]
    await locked.http.put(f"{url}/parts/1", headers=token, content=a_text(100))
    completed = await locked.http.post(f"{url}/complete", headers=token)
    assert code(completed) == (415, "unsupported_media_type")
    assert (await locked.world.catalog.list("other", limit=10)).assets == []


async def test_a_tokens_size_is_the_most_a_file_may_have(locked: Site) -> None:
    token = await a_token(locked, max_bytes=100)

    async def unannounced() -> Any:
        yield a_text(101)

    exact = await locked.http.post(UPLOAD, content=a_text(100), headers=token)
    assert exact.status_code == 201
    announced = await locked.http.post(UPLOAD, content=a_text(101), headers=token)
    streamed = await locked.http.post(UPLOAD, content=unannounced(), headers=token)
    form = await locked.http.post(
        "/v1/assets", files={"file": ("a.txt", a_text(101))}, headers=token
    )
    for answer in (announced, streamed, form):
        assert code(answer) == (413, "too_large")
        assert answer.json()["limit"] == 100
    parts = {"filename": "a.txt", "size": 101}
    assert (await locked.http.post("/v1/uploads", headers=token, json=parts)).status_code == 413
    assert len((await locked.world.catalog.list("other", limit=10)).assets) == 1


async def test_a_tokens_types_are_checked_by_the_bytes(locked: Site) -> None:
    token = await a_token(locked, types=["image/*"])
    image = await locked.http.post("/v1/assets?filename=a.png", content=media.png(), headers=token)
    assert image.status_code == 201
    lying = token | {"Content-Type": "image/png"}
    text = await locked.http.post("/v1/assets?filename=a.png", content=a_text(), headers=lying)
    assert code(text) == (415, "unsupported_media_type")
    assert text.json()["allowed"] == ["image/*"]


async def test_a_tokens_recipe_wins(locked: Site) -> None:
    token = await a_token(locked, recipe="document")
    made = await locked.http.post(f"{UPLOAD}&recipe=audio", content=a_text(), headers=token)
    assert list(made.json()["recipe"]["steps"]) == ["text"]


async def test_a_token_is_good_for_so_many_files(locked: Site) -> None:
    token = await a_token(locked, max_count=3)
    refused = await locked.http.post(UPLOAD, content=b"", headers=token)
    assert refused.status_code == 422
    answers = await asyncio.gather(
        *(locked.http.post(UPLOAD, content=a_text(), headers=token) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 3
    for path in ("/v1/uploads", "/v1/uploads/direct"):
        answer = await locked.http.post(path, headers=token, json={"filename": "a", "size": 1})
        assert code(answer) == (403, "forbidden")
        assert answer.json()["limit"] == 3


async def test_an_upload_that_could_not_begin_does_not_count(
    locked: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = locked.services.access.tokens
    refund = tokens.refund

    async def slowly(principal: Principal) -> None:
        await asyncio.sleep(0.02)
        await refund(principal)

    monkeypatch.setattr(tokens, "refund", slowly)
    token = await a_token(locked, max_count=1)
    for _ in range(3):
        nameless = await locked.http.post("/v1/uploads", headers=token, json={"size": 1})
        assert (nameless.status_code, nameless.json()["field"]) == (400, "filename")
    good = {"filename": "a.txt", "size": 1}
    assert (await locked.http.post("/v1/uploads", headers=token, json=good)).status_code == 201
    assert (await locked.http.post("/v1/uploads", headers=token, json=good)).status_code == 403


@pytest.mark.parametrize(
    "wanted",
    [
        {"expires_in": 0},
        {"expires_in": 86401},
        {"recipe": "no-such-recipe"},
        {"types": ["*"]},
        {"max_bytes": 0},
        {"max_count": 0},
        {"scopes": ["admin"]},
        {"project": "default"},
    ],
)
async def test_a_token_that_cannot_be_is_refused(locked: Site, wanted: dict[str, Any]) -> None:
    answer = await locked.http.post("/v1/tokens", headers=bearer(KEY), json=wanted)
    assert answer.status_code == 422, answer.text


async def test_a_token_lives_an_hour_unless_told_otherwise(locked: Site) -> None:
    for wanted, life in (({}, 3600), ({"expires_in": 60}, 60)):
        made = await locked.http.post("/v1/tokens", headers=bearer(KEY), json=wanted)
        ends = locked.world.clock.now + timedelta(seconds=life)
        assert made.json()["expires_at"] == ends.isoformat().replace("+00:00", "Z")


async def test_a_token_ends_with_the_key_that_asked_for_it(locked: Site) -> None:
    token = await a_token(locked)
    [key], _ = await locked.services.access.keys.list("other")
    revoked = await locked.http.delete(f"/v1/keys/{key.id}", headers=bearer(KEY))
    assert revoked.status_code == 200
    answer = await locked.http.post(UPLOAD, content=a_text(), headers=token)
    assert code(answer) == (401, "unauthorised")


async def test_tokens_are_in_the_trail_without_being_told(locked: Site) -> None:
    token = await a_token(locked, max_count=1)
    [entry] = (await locked.http.get("/v1/audit", headers=bearer(KEY))).json()["entries"]
    assert (entry["what"], entry["project"]) == ("token.created", "other")
    assert entry["detail"] == {"max_count": 1}
    assert token["Authorization"][-20:] not in str(entry)
