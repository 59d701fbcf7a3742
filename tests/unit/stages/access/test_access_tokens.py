"""Upload tokens: within their limits and their time, and only ours."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from mediakiln.adapters.catalog.memory import MemoryCatalog
from mediakiln.model.access import OWNER, Principal, Scope, UploadLimits
from mediakiln.model.errors import Forbidden, TooLarge, UnsupportedMedia
from mediakiln.stages.access import Access
from mediakiln.stages.access.tokens import LEEWAY, MAX_LIFE
from support.world import Ticking

LIMITS = UploadLimits(max_bytes=10, max_count=2, types=("image/*",), recipe="image")


async def issue(access: Access, by: Principal = OWNER, **more: Any) -> str:
    token, _ = await access.tokens.issue(by, **{"limits": LIMITS} | more)
    return token


async def test_a_token_uploads_for_its_project_within_its_limits(access: Access) -> None:
    by = Principal(id="owner", project="other")
    principal = await access.bearer(await issue(access, by, uploader="ada"))
    assert principal is not None
    assert principal.id.startswith("token:")
    assert (principal.project, principal.uploader) == ("other", "ada")
    assert principal.scopes == {Scope.UPLOAD}
    assert principal.limits == LIMITS


async def test_a_bound_uploader_stays_bound(access: Access) -> None:
    by = Principal(id="owner", uploader="ada")
    principal = await access.bearer(await issue(access, by, uploader="eve"))
    assert principal is not None
    assert principal.uploader == "ada"


async def test_another_replica_takes_the_token(
    access: Access, catalog: MemoryCatalog, clock: Ticking
) -> None:
    token = await issue(access)
    assert await Access(catalog, owner_key="other", clock=clock).bearer(token) is not None


async def test_replicas_that_start_together_agree_on_the_secret(
    catalog: MemoryCatalog, clock: Ticking
) -> None:
    replicas = [Access(catalog, clock=clock) for _ in range(8)]
    tokens = await asyncio.gather(*(issue(replica) for replica in replicas))
    for replica in replicas:
        for token in tokens:
            assert await replica.bearer(token) is not None


async def test_a_forged_token_opens_nothing(access: Access) -> None:
    token = await issue(access)
    body, _, signature = token.removeprefix("mt_").partition(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["lim"]["max_count"] = 1_000_000
    raised = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    forged = [
        f"mt_{raised}.{signature}",
        f"mt_{raised}.",
        f"mt_{raised}",
        f"mt_{body}.{signature[:-1]}",
        f"mt_{body}.{signature}=",
        f"mt_.{signature}",
        "mt_.",
        "mt_ä.ä",
        "mt_" + "a" * 10_000 + "." + signature,
        token.removeprefix("mt_"),
    ]
    assert [await access.bearer(text) for text in forged] == [None] * len(forged)


async def test_a_token_of_another_installation_opens_nothing(
    access: Access, clock: Ticking
) -> None:
    elsewhere = Access(MemoryCatalog.from_url("memory://"), clock=clock)
    assert await access.bearer(await issue(elsewhere)) is None


async def test_a_token_ends_in_time_but_for_the_clocks_leeway(
    access: Access, clock: Ticking
) -> None:
    token = await issue(access, life=timedelta(minutes=5))
    clock.forward(seconds=5 * 60 + LEEWAY.total_seconds() - 1)
    assert await access.bearer(token) is not None
    clock.forward(seconds=1)
    assert await access.bearer(token) is None


async def test_a_token_lives_a_day_at_most(access: Access, clock: Ticking) -> None:
    _, claims = await access.tokens.issue(OWNER, limits=LIMITS, life=timedelta(days=7))
    assert claims.exp == clock.now + MAX_LIFE


@pytest.mark.parametrize(("ahead_s", "taken"), [(59, True), (60, True), (61, False)])
async def test_a_token_of_a_clock_that_is_ahead_is_taken_within_a_minute(
    access: Access, catalog: MemoryCatalog, ahead_s: float, *, taken: bool
) -> None:
    fast = Ticking()
    fast.now = access.tokens._clock() + timedelta(seconds=ahead_s)
    token = await issue(Access(catalog, clock=fast))
    assert (await access.bearer(token) is not None) is taken


async def test_a_token_ends_with_the_key_that_asked_for_it(access: Access) -> None:
    key, text = await access.keys.create("k", project="p", scopes=[Scope.UPLOAD], by="owner")
    holder = await access.bearer(text)
    assert holder is not None
    token = await issue(access, holder)
    assert await access.bearer(token) is not None
    await access.keys.revoke(key.id, project=None)
    assert await access.bearer(token) is None


async def test_files_are_counted_across_replicas(
    access: Access, catalog: MemoryCatalog, clock: Ticking
) -> None:
    principal = await access.bearer(await issue(access))
    assert principal is not None
    other = Access(catalog, clock=clock)
    outcomes = await asyncio.gather(
        *(each.tokens.spend(principal) for each in [access, other] * 5), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) == 2
    assert sum(isinstance(outcome, Forbidden) for outcome in outcomes) == 8


async def test_a_file_that_came_to_nothing_does_not_count(access: Access) -> None:
    principal = await access.bearer(await issue(access))
    assert principal is not None
    for _ in range(5):
        await access.tokens.spend(principal)
        await access.tokens.refund(principal)
    await access.tokens.spend(principal)
    await access.tokens.spend(principal)
    with pytest.raises(Forbidden):
        await access.tokens.spend(principal)


async def test_without_a_count_nothing_is_counted(access: Access, catalog: MemoryCatalog) -> None:
    principal = await access.bearer(await issue(access, limits=UploadLimits()))
    assert principal is not None
    await access.tokens.spend(principal)
    await access.tokens.refund(principal)
    assert await catalog.records("tokens").list() == ([], None)


def test_limits_refuse_what_is_too_large_or_of_another_type() -> None:
    LIMITS.check_size(10)
    with pytest.raises(TooLarge):
        LIMITS.check_size(11)
    LIMITS.check_type("image/png")
    for other in ("video/mp4", "images/png", None):
        with pytest.raises(UnsupportedMedia):
            LIMITS.check_type(other)
    UploadLimits().check_type(None)
    UploadLimits(types=("text/plain",)).check_type("text/plain")


def test_a_declared_type_is_compared_as_programs_spell_it() -> None:
    limits = UploadLimits(types=("image/jpeg", "audio/x-wav"))
    for said in (None, "", "application/octet-stream", "image/jpg", "Audio/Wave; codecs=1"):
        limits.check_declared(said)
    with pytest.raises(UnsupportedMedia):
        limits.check_declared("image/png")


@pytest.mark.parametrize("type_", ["image", "*/*", "image/", "image/p*", "IMAGE/PNG", "a/b\n"])
def test_a_type_is_a_media_type_or_all_of_one_kind(type_: str) -> None:
    with pytest.raises(ValueError, match="types"):
        UploadLimits(types=(type_,))
