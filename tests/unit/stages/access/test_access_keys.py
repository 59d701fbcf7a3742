"""Keys: shown once, kept as digests, ended by time or by hand."""

import asyncio
import hmac
from datetime import timedelta
from typing import Any

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.model.access import OWNER, Scope, UploadLimits
from mediakiln.model.errors import AlreadyExists, EngineUnavailable, InvalidRequest, NotFound
from mediakiln.ports.catalog import Record
from mediakiln.stages.access import Access
from mediakiln.stages.access.keys import SPACE, USED_EVERY, Keys
from support.world import Ticking

OWNER_KEY = "mk_the-owner's"
_NO_LIMITS = UploadLimits()


async def make(access: Access, *, project: str = "default", **more: Any) -> tuple[str, str]:
    key, text = await access.keys.create(
        "a key", project=project, scopes=[Scope.UPLOAD, Scope.READ], by="owner", **more
    )
    return key.id, text


async def record_of(catalog: MemoryCatalog, id: str) -> Record:
    record = await catalog.records(SPACE).get(id)
    assert record is not None
    return record


async def test_a_key_opens_its_project_with_its_scopes(access: Access) -> None:
    await access.projects.create("other", by="owner")
    id, text = await make(access, project="other", uploader="ada")
    principal = await access.bearer(text)
    assert principal is not None
    assert (principal.id, principal.project) == (f"key:{id}", "other")
    assert principal.scopes == {Scope.UPLOAD, Scope.READ}
    assert principal.uploader == "ada"
    assert not principal.is_owner
    assert text.startswith(f"mk_{id}_")


async def test_the_owners_key_is_the_owner_and_nothing_near_it_is(access: Access) -> None:
    assert await access.bearer(OWNER_KEY) == OWNER
    for wrong in ("", OWNER_KEY[:-1], OWNER_KEY + "x", OWNER_KEY.upper(), "mk_"):
        assert await access.bearer(wrong) is None


async def test_the_secret_is_kept_nowhere(access: Access, catalog: MemoryCatalog) -> None:
    id, text = await make(access)
    secret = text.rpartition(f"{id}_")[2]
    assert len(secret) == 43
    assert secret not in str((await record_of(catalog, id)).value)


async def test_a_wrong_secret_opens_nothing(access: Access) -> None:
    id, text = await make(access)
    _, other = await make(access)
    swapped = f"mk_{id}_{other[-43:]}"
    for wrong in (swapped, text[:-1], text + "A", text.replace("mk_", "mt_"), f"mk_{id}_"):
        assert await access.bearer(wrong) is None


async def test_secrets_are_compared_in_constant_time(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[Any, Any]] = []
    compare = hmac.compare_digest

    def watched(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return compare(one, other)

    _, text = await make(access)
    token, _ = await access.tokens.issue(OWNER, limits=_NO_LIMITS)
    monkeypatch.setattr(hmac, "compare_digest", watched)
    for given in (OWNER_KEY, text, token):
        compared.clear()
        assert await access.bearer(given) is not None
        assert compared
        compared.clear()
        assert await access.bearer(given[:-2] + ("AA" if given[-2:] != "AA" else "BB")) is None
        assert compared


async def test_an_expired_key_opens_nothing(access: Access, clock: Ticking) -> None:
    _, text = await make(access, expires_at=clock.now + timedelta(hours=1))
    assert await access.bearer(text) is not None
    clock.forward(hours=1)
    assert await access.bearer(text) is None


async def test_a_revoked_key_opens_nothing_and_is_still_listed(
    access: Access, clock: Ticking
) -> None:
    id, text = await make(access)
    ended = await access.keys.revoke(id, project=None)
    assert ended.revoked_at == clock.now
    assert await access.bearer(text) is None
    assert await access.named(f"key:{id}") is None
    clock.forward(minutes=1)
    assert await access.keys.revoke(id, project=None) == ended
    [listed], _ = await access.keys.list("default")
    assert listed == ended


async def test_keys_of_another_project_are_not_there(access: Access) -> None:
    id, _ = await make(access, project="other")
    mine, _ = await make(access)
    for act in (access.keys.get, access.keys.revoke):
        with pytest.raises(NotFound):
            await act(id, project="default")
        with pytest.raises(NotFound):
            await act("no such key", project=None)
    assert [key.id for key in (await access.keys.list("default"))[0]] == [mine]
    assert len((await access.keys.list(None))[0]) == 2


async def test_pages_of_keys_leave_none_out(access: Access) -> None:
    made = {(await make(access, project=f"p{number % 3}"))[0] for number in range(20)}
    for project, count in ((None, 20), ("p0", 7)):
        found: list[str] = []
        cursor: str | None = None
        while True:
            page, cursor = await access.keys.list(project, limit=3, cursor=cursor)
            found += [key.id for key in page]
            if cursor is None:
                break
        assert len(found) == len(set(found) & made) == count


async def test_the_last_use_is_written_once_a_minute(
    access: Access, catalog: MemoryCatalog, clock: Ticking
) -> None:
    id, text = await make(access)
    for _ in range(3):
        await access.bearer(text)
    first = await record_of(catalog, id)
    assert (await access.keys.get(id, project=None)).last_used_at == clock.now
    clock.forward(seconds=USED_EVERY.total_seconds() - 1)
    await access.bearer(text)
    assert (await record_of(catalog, id)).version == first.version
    clock.forward(seconds=1)
    await asyncio.gather(*(access.bearer(text) for _ in range(5)))
    assert (await access.keys.get(id, project=None)).last_used_at == clock.now


async def test_a_catalog_that_takes_no_writes_still_lets_keys_in(
    catalog: MemoryCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys(catalog)
    _, text = await keys.create("k", project="default", scopes=[Scope.READ], by="owner")

    async def full(*_: Any, **__: Any) -> int:
        raise EngineUnavailable

    monkeypatch.setattr(catalog.records(SPACE), "put", full)
    assert await keys.verify(text) is not None


async def test_projects_are_made_once_and_default_is_always_there(access: Access) -> None:
    await access.projects.create("b", by="owner")
    await access.projects.create("a-1", by="owner")
    projects, cursor = await access.projects.list()
    assert [each.name for each in projects] == ["default", "a-1", "b"]
    assert cursor is None
    assert (await access.projects.get("a-1")).created_by == "owner"
    for taken in ("b", "default"):
        with pytest.raises(AlreadyExists):
            await access.projects.create(taken, by="owner")


@pytest.mark.parametrize("name", ["", "A", "a_b", "a/b", "..", "a" * 41, "ä", "a\n", "-/x"])
async def test_a_projects_name_is_short_and_plain(access: Access, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await access.projects.create(name, by="owner")
    with pytest.raises(NotFound):
        await access.projects.get(name)
