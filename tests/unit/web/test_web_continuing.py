"""Whose uploads a request may go on with: a token its own, a key all of its project."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mediakiln.model.access import Scope
from mediakiln.model.ids import new_id
from mediakiln.web import auth
from support.signing import SigningStore
from support.site import Site, a_text
from support.tus import STREAM, VERSION, described
from support.world import NoRunner, World

from .conftest import OpenSite

KEY = "mk_the-owner's-key"
SIZE = 100


@pytest.fixture
async def locked(open_site: OpenSite, tmp_path: Path) -> Site:
    """A site with every door, whose client sends no key of its own."""
    world = World(tmp=tmp_path, runner=NoRunner(), store=SigningStore())  # type: ignore[arg-type]
    site = await open_site(world=world, owner_key=KEY)
    del site.http.headers["authorization"]
    return site


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def a_key(site: Site) -> dict[str, str]:
    _, key = await site.services.access.keys.create(
        "page", project="default", scopes=[Scope.UPLOAD], by="owner"
    )
    return bearer(key)


async def a_token(site: Site, key: dict[str, str], **wanted: Any) -> dict[str, str]:
    made = await site.http.post("/v1/tokens", headers=key, json=wanted)
    assert made.status_code == 201, made.text
    return bearer(made.json()["token"])


async def in_parts(site: Site, headers: dict[str, str]) -> str:
    body = {"filename": "a.txt", "size": SIZE}
    opened = await site.http.post("/v1/uploads", headers=headers, json=body)
    assert opened.status_code == 201, opened.text
    return str(opened.json()["id"])


async def by_tus(site: Site, headers: dict[str, str], **more: str) -> str:
    said = {"Upload-Length": str(SIZE), "Upload-Metadata": described(filename="a.txt")}
    made = await site.http.post("/v1/tus", headers=VERSION | said | headers | more)
    assert made.status_code == 201, made.text
    return str(made.headers["location"].rpartition("/")[2])


async def straight(site: Site, headers: dict[str, str]) -> str:
    body = {"name": "a.txt", "size": SIZE}
    opened = await site.http.post("/v1/uploads/direct", headers=headers, json=body)
    assert opened.status_code == 201, opened.text
    return str(opened.json()["id"])


PATCH = VERSION | STREAM | {"Upload-Offset": "0"}
Opening = Callable[[Site, dict[str, str]], Awaitable[str]]
Asked = tuple[str, str, dict[str, str]]
IN_PARTS: tuple[Asked, ...] = (
    ("GET", "/v1/uploads/{id}", {}),
    ("PUT", "/v1/uploads/{id}/parts/1", {}),
    ("GET", "/v1/uploads/{id}/parts", {}),
    ("POST", "/v1/uploads/{id}/parts/1/url", {}),
    ("POST", "/v1/uploads/{id}/complete", {}),
    ("DELETE", "/v1/uploads/{id}", {}),
)
BY_TUS: tuple[Asked, ...] = (
    ("HEAD", "/v1/tus/{id}", VERSION),
    ("PATCH", "/v1/tus/{id}", PATCH),
    ("DELETE", "/v1/tus/{id}", VERSION),
    ("GET", "/v1/uploads/{id}", {}),
)
STRAIGHT: tuple[Asked, ...] = (
    ("POST", "/v1/uploads/direct/{id}/complete", {}),
    ("GET", "/v1/uploads/{id}", {}),
)


@pytest.mark.parametrize(
    ("opening", "requests"),
    [(in_parts, IN_PARTS), (by_tus, BY_TUS), (straight, STRAIGHT)],
    ids=["parts", "tus", "direct"],
)
async def test_to_a_token_the_uploads_of_others_are_not_there(
    locked: Site, opening: Opening, requests: tuple[Asked, ...]
) -> None:
    key = await a_key(locked)
    opener = await a_token(locked, key)
    of_token, of_key = await opening(locked, opener), await opening(locked, key)
    other = await a_token(locked, key)

    async def answer(spec: Asked, id: str) -> tuple[int, str]:
        method, path, headers = spec
        content = a_text(SIZE) if method in {"PUT", "PATCH"} else None
        found = await locked.http.request(
            method, path.format(id=id), headers=headers | other, content=content
        )
        return found.status_code, found.text.replace(id, "ID")

    for spec in requests:
        unknown = await answer(spec, new_id())
        if spec[1].endswith("/url"):
            assert unknown[0] in {400, 404}, unknown
        else:
            assert unknown[0] == 404, spec
        assert await answer(spec, of_token) == unknown, spec
        assert await answer(spec, of_key) == unknown, spec
    for id in (of_token, of_key):
        upload = await locked.services.multipart.book.get("default", id)
        assert (upload.state, upload.offset) == ("open", 0)


async def complete(site: Site, id: str, headers: dict[str, str]) -> httpx2.Response:
    part = await site.http.put(f"/v1/uploads/{id}/parts/1", headers=headers, content=a_text(SIZE))
    assert part.status_code == 200, part.text
    listed = await site.http.get(f"/v1/uploads/{id}/parts", headers=headers)
    assert len(listed.json()["parts"]) == 1
    return await site.http.post(f"/v1/uploads/{id}/complete", headers=headers)


async def test_a_token_goes_on_with_what_it_opened_itself(locked: Site) -> None:
    token = await a_token(locked, await a_key(locked))
    made = await complete(locked, await in_parts(locked, token), token)
    assert made.status_code == 201, made.text
    id = await by_tus(locked, token)
    patched = await locked.http.patch(f"/v1/tus/{id}", headers=PATCH | token, content=a_text(SIZE))
    assert patched.status_code == 204, patched.text
    ended = await in_parts(locked, token)
    aborted = await locked.http.delete(f"/v1/uploads/{ended}", headers=token)
    assert aborted.status_code == 204


async def test_a_key_goes_on_with_every_upload_of_its_project(locked: Site) -> None:
    key = await a_key(locked)
    id = await in_parts(locked, await a_token(locked, key))
    made = await complete(locked, id, await a_key(locked))
    assert made.status_code == 201, made.text


async def test_a_token_makes_no_file_of_the_partial_uploads_of_others(locked: Site) -> None:
    key = await a_key(locked)
    theirs, mine = await a_token(locked, key), await a_token(locked, key)
    partial = {"Upload-Concat": "partial"}
    ids = [await by_tus(locked, holder, **partial) for holder in (theirs, mine)]
    for id, holder in zip(ids, (theirs, mine), strict=True):
        await locked.http.patch(f"/v1/tus/{id}", headers=PATCH | holder, content=a_text(SIZE))

    async def joined(*ids: str) -> httpx2.Response:
        said = {"Upload-Concat": "final;" + " ".join(f"/v1/tus/{id}" for id in ids)}
        return await locked.http.post("/v1/tus", headers=VERSION | mine | said)

    nobody = new_id()
    unknown, foreign = await joined(ids[1], nobody), await joined(ids[1], ids[0])
    assert (unknown.status_code, foreign.status_code) == (400, 400)
    assert unknown.text.replace(nobody, "ID") == foreign.text.replace(ids[0], "ID")
    named = {"Upload-Metadata": described(filename="a.txt")}
    said = {"Upload-Concat": f"final;/v1/tus/{ids[1]}"}
    own = await locked.http.post("/v1/tus", headers=VERSION | mine | said | named)
    assert own.status_code == 201, own.text


async def test_a_token_of_another_making_goes_on_with_nothing(locked: Site) -> None:
    token = await a_token(locked, await a_key(locked))
    id = await in_parts(locked, token)
    text = token["Authorization"].removeprefix("Bearer ")
    claims, _, signature = text.partition(".")
    other = await a_token(locked, await a_key(locked))
    stolen = other["Authorization"].rpartition(".")[2]
    for forged in (f"{claims}.{stolen}", f"{claims}.", f"{claims}.{signature[:-2]}AA"):
        answer = await locked.http.put(
            f"/v1/uploads/{id}/parts/1", headers=bearer(forged), content=a_text(SIZE)
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")


async def test_a_token_that_is_over_goes_on_with_nothing(
    locked: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "TRUSTED_S", 0)
    token = await a_token(locked, await a_key(locked), expires_in=60)
    id = await in_parts(locked, token)
    locked.world.clock.forward(seconds=121)
    answer = await locked.http.post(f"/v1/uploads/{id}/complete", headers=token)
    assert answer.status_code == 401


async def test_a_token_that_renews_another_goes_on_with_its_uploads_and_its_count(
    locked: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "TRUSTED_S", 0)
    key = await a_key(locked)
    first = await a_token(locked, key, expires_in=60, max_count=2)
    id = await in_parts(locked, first)
    locked.world.clock.forward(hours=30)
    old = first["Authorization"].removeprefix("Bearer ")
    second = await a_token(locked, key, renews=old, max_count=2)
    assert (await locked.http.get(f"/v1/uploads/{id}", headers=first)).status_code == 401
    made = await complete(locked, id, second)
    assert made.status_code == 201, made.text
    await in_parts(locked, second)
    body = {"filename": "a.txt", "size": SIZE}
    third = await locked.http.post("/v1/uploads", headers=second, json=body)
    assert (third.status_code, third.json()["value"]) == (403, 2)


async def test_a_token_renews_none_but_one_of_its_project(locked: Site) -> None:
    await locked.services.access.projects.create("other", by="owner")
    _, elsewhere = await locked.services.access.keys.create(
        "page", project="other", scopes=[Scope.UPLOAD], by="owner"
    )
    key = await a_key(locked)
    token = (await a_token(locked, key))["Authorization"].removeprefix("Bearer ")
    foreign = (await a_token(locked, bearer(elsewhere)))["Authorization"].removeprefix("Bearer ")
    for renews in (foreign, f"{token[:-2]}AA", "mt_", key["Authorization"], new_id()):
        refused = await locked.http.post("/v1/tokens", headers=key, json={"renews": renews})
        assert (refused.status_code, refused.json()["field"]) == (400, "renews")


async def test_a_token_signs_no_request_to_the_s3_front(locked: Site) -> None:
    token = await a_token(locked, await a_key(locked))
    for method, path in (("GET", "/s3/input"), ("POST", "/s3/input/a.txt?uploads")):
        answer = await locked.http.request(method, path, headers=token)
        assert answer.status_code == 403, answer.text
