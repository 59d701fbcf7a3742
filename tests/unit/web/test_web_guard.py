"""Rates, quotas, and requests that are sent again under an Idempotency-Key."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from starlette.responses import Response
from starlette.types import Message

from mediakiln.model import access
from mediakiln.model.access import Quota, Scope
from mediakiln.model.errors import AnswerNotKept, EngineUnavailable
from mediakiln.web.guard import answers, repeats
from mediakiln.web.guard.answers import MAX_KEPT_BYTES, PIECE_BYTES
from mediakiln.web.guard.rates import Rates
from support.site import Site, a_text
from unit.web.conftest import OpenSite

OWNER_KEY = "mk_owner_of_everything"
OWNER = {"Authorization": f"Bearer {OWNER_KEY}"}


async def key_of(site: Site, **wanted: Any) -> dict[str, str]:
    """The headers of a new key."""
    _, text = await site.services.access.keys.create(
        "k", project="default", scopes=[Scope.UPLOAD, Scope.READ], by="owner", **wanted
    )
    return {"Authorization": f"Bearer {text}"}


async def upload(
    site: Site, headers: Mapping[str, str], *, size: int = 100, path: str = "/v1/assets"
) -> httpx2.Response:
    return await site.http.post(
        path, params={"filename": "a.txt"}, content=a_text(size), headers=headers
    )


async def count(site: Site) -> int:
    return len((await site.services.catalog.list("default", limit=200)).assets)


async def test_a_key_that_asks_too_often_is_told_when_to_come_again(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY, rates=Rates("3/minute; 1000/hour"))
    headers = await key_of(site)
    answers = [await site.http.get("/v1/assets", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"key-60s";q=3;w=60, "key-3600s";q=1000;w=3600'
    assert answers[0].headers["ratelimit"].startswith('"key-60s";r=2;t=')
    last = answers[3]
    assert last.headers["ratelimit"].startswith('"key-60s";r=0;t=')
    assert 1 <= int(last.headers["retry-after"]) <= 60
    assert (last.json()["code"], last.json()["limit"]) == ("rate_limited", 3)
    assert (await site.http.get("/v1/assets", headers=await key_of(site))).status_code == 200
    owners = [await site.http.get("/v1/assets", headers=OWNER) for _ in range(5)]
    assert {answer.status_code for answer in owners} == {200}
    assert "ratelimit" not in owners[0].headers


async def test_a_keys_own_rate_goes_before_everybodys(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY, rates=Rates("1/minute"))
    headers = await key_of(site, rate="2/minute")
    answers = [await site.http.get("/v1/assets", headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    free = await key_of(site, rate="")
    assert "ratelimit" not in (await site.http.get("/v1/assets", headers=free)).headers


async def test_a_rate_that_cannot_be_read_is_refused(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY)
    wanted = {"name": "k", "scopes": ["read"], "rate": "often"}
    answer = await site.http.post("/v1/keys", json=wanted, headers=OWNER)
    assert (answer.status_code, answer.json()["field"]) == (400, "rate")


async def test_a_quota_of_files_ends_at_its_number(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY)
    headers = await key_of(site, quota=Quota(files=2))
    answers = [await upload(site, headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    problem = answers[2].json()
    assert (problem["code"], problem["limit"], problem["value"]) == ("quota_exceeded", 2, 2)
    assert 1 <= int(answers[2].headers["retry-after"]) <= 86_400
    opened = await site.http.post(
        "/v1/uploads", json={"filename": "a.txt", "size": 10}, headers=headers
    )
    assert opened.status_code == 429
    assert (await upload(site, OWNER)).status_code == 201
    assert await count(site) == 3


async def test_a_quota_of_bytes_counts_what_arrived_by_every_door(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY)
    headers = await key_of(site, quota=Quota(bytes=1000))
    opened = await site.http.post(
        "/v1/uploads", json={"filename": "a.txt", "size": 900}, headers=headers
    )
    id = opened.json()["id"]
    sent = await site.http.put(f"/v1/uploads/{id}/parts/1", content=a_text(900), headers=headers)
    assert sent.status_code in {200, 201}
    assert (await site.http.post(f"/v1/uploads/{id}/complete", headers=headers)).status_code == 201
    assert (await upload(site, headers, size=200)).status_code == 201
    assert (await upload(site, headers, size=1)).json()["code"] == "quota_exceeded"


async def test_what_is_sent_again_under_its_key_is_done_once(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY)
    headers = OWNER | {"Idempotency-Key": "one"}
    first, again = [await upload(site, headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(site) == 1
    await upload(site, OWNER | {"Idempotency-Key": "two"})
    assert await count(site) == 2


async def test_a_key_is_of_one_request_and_one_principal(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY)
    await upload(site, OWNER | {"Idempotency-Key": "one"})
    other = await upload(site, OWNER | {"Idempotency-Key": "one"}, size=101)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    mine = await key_of(site) | {"Idempotency-Key": "one"}
    assert "idempotency-replayed" not in (await upload(site, mine)).headers
    for bad in ("", "x" * 256):
        refused = await upload(site, OWNER | {"Idempotency-Key": bad})
        assert (refused.status_code, refused.json()["field"]) == (400, "Idempotency-Key")


async def test_what_failed_may_be_tried_anew(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY)
    headers = OWNER | {"Idempotency-Key": "one"}
    assert (await upload(site, headers, size=0)).status_code == 422
    assert (await upload(site, headers, size=0)).status_code == 422
    headers["Idempotency-Key"] = "two"
    wrong = await site.http.post("/v1/assets", params={"filename": ""}, headers=headers)
    assert wrong.status_code == 400
    assert (await upload(site, headers)).status_code == 201


async def test_of_requests_at_the_same_time_one_is_done(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY)
    headers = OWNER | {"Idempotency-Key": "one"}
    answers = await asyncio.gather(*(upload(site, headers, size=500_000) for _ in range(6)))
    codes = sorted({answer.status_code for answer in answers})
    assert codes in ([201], [201, 409])
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert await count(site) == 1


async def test_after_a_crash_the_next_request_finds_what_was_made(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server made the asset, and died before it could keep its answer."""
    site = await open_site(owner_key=OWNER_KEY)
    headers = OWNER | {"Idempotency-Key": "one"}

    async def died(*_: object) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(repeats.Repeats, "finish", died)
        first = await upload(site, headers)
    assert (await upload(site, headers)).status_code == 409
    space = site.services.catalog.records(repeats.SPACE)
    (record,), _ = await space.list()
    past = {**record.value, "until": "2020-01-01T00:00:00+00:00"}
    await space.put(record.key, past, expected=record.version)
    again = await upload(site, headers)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert await count(site) == 1


async def test_a_form_of_several_files_is_done_once_too(open_site: OpenSite) -> None:
    site = await open_site(owner_key=OWNER_KEY)
    headers = OWNER | {"Idempotency-Key": "one"}
    files = [("file", (f"{n}.txt", a_text(50 + n), "text/plain")) for n in range(3)]
    first = await site.http.post("/v1/assets", files=files, headers=headers)
    again = await site.http.post("/v1/assets", files=files, headers=headers)
    assert (first.status_code, again.json()) == (201, first.json())
    assert await count(site) == 3


async def test_what_has_a_secret_is_made_once_and_told_once(site: Site) -> None:
    headers, body = {"Idempotency-Key": "one"}, {"name": "k", "scopes": ["read"]}
    made, again = [await site.http.post("/v1/keys", json=body, headers=headers) for _ in "12"]
    assert (again.status_code, again.json()["code"]) == (410, "answer_not_kept")
    assert again.json()["made"] == made.json()["id"]
    assert len((await site.http.get("/v1/keys")).json()["keys"]) == 1
    (record,), _ = await site.services.catalog.records(repeats.SPACE).list()
    assert "body" not in record.value


async def replies(size: int, *, cut: bool = False) -> AsyncIterator[bytes]:
    """A body of so many bytes, which may break off."""
    for start in range(0, size, 65_536):
        yield bytes(at % 251 for at in range(start, min(size, start + 65_536)))
    if cut:
        raise ConnectionError


async def asked(
    site: Site, size: int, *, cut: bool = False, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer of a route that is asked under a key, and was asked before."""
    told = [(b"idempotency-key", b"one")]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/imports",
        "query_string": b"",
        "headers": told,
    }
    repeats_ = repeats.Repeats(site.services.catalog)
    attempt = await repeats_.begin(scope, access.OWNER, "one")
    assert isinstance(attempt, repeats.Attempt)

    async def send(_: Message) -> None:
        return None

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    with suppress(ConnectionError):
        async with attempt.watched(scope, send) as watching:
            await watching({"type": "http.response.start", "status": 201, "headers": raw})
            async for piece in replies(size, cut=cut):
                await watching({"type": "http.response.body", "body": piece, "more_body": True})
            await watching({"type": "http.response.body"})
    again = await repeats_.begin(scope, access.OWNER, "one")
    assert isinstance(again, Response)
    return again


@pytest.mark.parametrize(
    "size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, MAX_KEPT_BYTES]
)
async def test_an_answer_is_given_again_whole(site: Site, size: int) -> None:
    again = await asked(site, size, headers={"location": "/there", "content-type": "x/y"})
    assert again.status_code == 201
    assert again.body == b"".join([piece async for piece in replies(size)])
    assert (again.headers["location"], again.headers["content-type"]) == ("/there", "x/y")
    assert again.headers["idempotency-replayed"] == "true"
    for space in (repeats.SPACE, answers.SPACE):
        for record in (await site.services.catalog.records(space).list(limit=200))[0]:
            assert len(json.dumps(dict(record.value))) < 60_000
            assert record.expires_at is not None


@pytest.mark.parametrize(("size", "cut"), [(MAX_KEPT_BYTES + 1, False), (10, True)])
async def test_an_answer_that_is_not_kept_is_told_of_and_not_given_empty(
    site: Site, size: int, cut: bool
) -> None:
    with pytest.raises(AnswerNotKept) as refused:
        await asked(site, size, cut=cut, headers={"location": "/there"})
    context = refused.value.context
    assert (context["limit"], context["value"]) == (MAX_KEPT_BYTES, size)
    assert (context["location"], bool(context["hint"])) == ("/there", True)
    assert await site.services.catalog.records(answers.SPACE).list() == ([], None)


async def test_a_form_whose_answer_is_large_is_answered_the_same_again(site: Site) -> None:
    headers = {"Idempotency-Key": "one"}
    files = [("file", (f"{n}{'x' * 225}.txt", b"", "text/plain")) for n in range(100)]
    files[0] = ("file", ("a.txt", a_text(), "text/plain"))
    first = await site.http.post("/v1/assets", files=files, headers=headers)
    assert len(first.content) > PIECE_BYTES
    again = await site.http.post("/v1/assets", files=files, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"


async def test_the_problem_of_an_answer_that_is_not_kept_is_gone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_KEPT_BYTES", 100)
    headers = {"Idempotency-Key": "one"}
    first = await upload(site, headers)
    again = await upload(site, headers)
    assert (first.status_code, again.status_code) == (201, 410)
    assert again.json()["code"] == "answer_not_kept"
    assert again.json()["location"] == first.headers["location"]
    assert await count(site) == 1


async def test_an_outage_after_the_work_is_done_hides_the_answer_from_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def out(*_: object) -> None:
        raise EngineUnavailable

    monkeypatch.setattr(repeats.Repeats, "finish", out)
    made = await upload(site, {"Idempotency-Key": "one"})
    assert (made.status_code, made.json()["name"]) == (201, "a.txt")
