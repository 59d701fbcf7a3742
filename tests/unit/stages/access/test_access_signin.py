"""Sign-in links that work once, sessions, and the audit trail."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.model.access import OWNER, Scope
from mediakiln.model.errors import EngineUnavailable
from mediakiln.stages.access import Access
from mediakiln.stages.access.audit import NOBODY, SPACE, Filter
from mediakiln.stages.access.signin import LINK_LIFE, LINKS, SESSION_LIFE, SESSIONS
from support.world import Ticking

OWNER_KEY = "mk_the-owner's"


async def test_a_link_works_once(access: Access) -> None:
    token, _ = await access.signin.link("owner")
    assert await access.signin.consume(token) == "owner"
    assert await access.signin.consume(token) is None
    assert await access.signin.consume("wrong") is None


async def test_of_many_who_open_a_link_together_one_is_signed_in(access: Access) -> None:
    token, _ = await access.signin.link("owner")
    who = await asyncio.gather(*(access.signin.consume(token) for _ in range(10)))
    assert sorted(filter(None, who)) == ["owner"]


async def test_a_link_is_good_for_ten_minutes(access: Access, clock: Ticking) -> None:
    token, ends = await access.signin.link("owner")
    assert ends == clock.now + LINK_LIFE
    clock.forward(minutes=10)
    assert await access.signin.consume(token) is None


async def test_neither_links_nor_sessions_are_kept_in_clear(
    access: Access, catalog: MemoryCatalog
) -> None:
    token, _ = await access.signin.link("owner")
    secret = await access.signin.open("owner")
    for space, hidden in ((LINKS, token), (SESSIONS, secret)):
        [record], _ = await catalog.records(space).list()
        assert hidden not in f"{record.key} {record.value}"


async def test_a_session_lasts_until_it_is_closed_or_old(access: Access, clock: Ticking) -> None:
    secret, other = await access.signin.open("owner"), await access.signin.open("owner")
    assert await access.session(secret) == OWNER
    assert await access.session("") is None
    await access.signin.close(secret)
    assert await access.session(secret) is None
    assert await access.session(other) == OWNER
    clock.forward(seconds=SESSION_LIFE.total_seconds())
    assert await access.session(other) is None


async def test_a_new_owners_key_ends_links_and_sessions(
    access: Access, catalog: MemoryCatalog, clock: Ticking
) -> None:
    token, _ = await access.signin.link("owner")
    secret = await access.signin.open("owner")
    renewed = Access(catalog, owner_key="mk_another", clock=clock)
    assert await renewed.session(secret) is None
    assert await renewed.signin.consume(token) is None


async def test_a_session_ends_with_its_key(access: Access) -> None:
    key, _ = await access.keys.create("k", project="p", scopes=[Scope.READ], by="owner")
    secret = await access.signin.open(f"key:{key.id}")
    holder = await access.session(secret)
    assert holder is not None
    assert holder.project == "p"
    await access.keys.revoke(key.id, project=None)
    assert await access.session(secret) is None


async def test_the_trail_is_kept_by_project_and_filtered(access: Access, clock: Ticking) -> None:
    for number, project in enumerate(["a", "b", "a", NOBODY]):
        await access.audit.note(
            "key.created", project=project, who="owner", subject=str(number), address="::1"
        )
        clock.forward(minutes=1)
    await access.audit.note("signin.done", project="a", who="key:1", subject="0")
    mine, _ = await access.audit.list("a", Filter())
    assert [entry.subject for entry in mine] == ["0", "2", "0"]
    assert mine[0].what == "signin.done"
    assert len((await access.audit.list(None, Filter()))[0]) == 5
    wanted: dict[str, Any]
    for wanted, count in (
        ({"who": "key:1"}, 1),
        ({"what": "key"}, 4),
        ({"what": "key.created"}, 4),
        ({"what": "ke"}, 0),
        ({"subject": "0"}, 2),
        ({"since": clock.now - timedelta(minutes=2)}, 3),
        ({"until": clock.now - timedelta(minutes=2)}, 2),
    ):
        found, _ = await access.audit.list(None, Filter(**wanted))
        assert len(found) == count, wanted


async def test_an_entry_expires(access: Access, catalog: MemoryCatalog, clock: Ticking) -> None:
    await access.audit.note("key.created", project="a", who="owner")
    records, _ = await catalog.records(SPACE).list()
    assert {record.expires_at for record in records} == {clock.now + timedelta(days=90)}


async def test_an_entry_that_cannot_be_kept_is_in_the_log(
    access: Access,
    catalog: MemoryCatalog,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*_: Any, **__: Any) -> int:
        raise EngineUnavailable

    monkeypatch.setattr(catalog.records(SPACE), "put", broken)
    with caplog.at_level(logging.ERROR):
        await access.audit.note("key.revoked", project="a", who="owner", subject="k1")
    assert '"what":"key.revoked"' in caplog.text
