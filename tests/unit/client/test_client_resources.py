"""What both clients can ask beside assets: access, imports, webhooks."""

import asyncio
import tarfile
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest

from mediakiln.client import ApiError, AsyncClient, Client
from mediakiln.client.address import Address
from mediakiln.model.access import Quota, Scope
from support.clients import KEY, Do
from support.site import Site, a_text


async def test_keys_are_made_listed_and_ended(do: Do, site: Site) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    made = await do("keys.create", "camera", ["upload"], uploader="cam", expires_at=until)
    assert (made.name, made.scopes, made.expires_at) == ("camera", (Scope.UPLOAD,), until)
    assert made.id in {key.id for key in await do("keys.list")}
    assert made.key not in repr(made)
    async with AsyncClient(site.url, made.key) as camera:
        assert (await camera.submit(a_text(), name="a.txt")).uploader == "cam"
        with pytest.raises(ApiError) as caught:
            await camera.keys.create("more", ["admin"])
    assert (caught.value.code, caught.value.status) == ("forbidden", 403)
    assert (await do("keys.revoke", made.id)).revoked_at is not None
    with pytest.raises(ValueError, match="scope"):
        await do("keys.create", "odd", ["scope"])


async def test_a_key_is_held_to_its_rate_and_quota(do: Do, site: Site) -> None:
    made = await do("keys.create", "camera", ["upload"], rate="9/hour", files_a_day=1)
    assert (made.rate, made.quota) == ("9/hour", Quota(files=1))
    async with AsyncClient(site.url, made.key) as camera:
        await camera.submit(a_text(), name="a.txt")
        with pytest.raises(ApiError) as caught:
            await camera.submit(a_text(), name="a.txt")
    assert (caught.value.code, caught.value.limit) == ("quota_exceeded", 1)


async def test_projects_keep_their_assets_apart(do: Do, site: Site) -> None:
    assert (await do("projects.create", "films")).name == "films"
    assert "films" in {project.name for project in await do("projects.list")}
    async with AsyncClient(site.url, KEY, project="films") as films:
        asset = await films.submit(a_text(), name="a.txt")
        assert asset.project == "films"
    assert await do("list") == []


async def test_the_address_may_name_the_project(site: Site) -> None:
    await site.services.access.projects.create("films", by="owner")
    address = f"{site.url}?project=films"
    for project, expected in ((None, "films"), ("default", "default"), ("", "default")):
        async with AsyncClient(address, KEY, project=project) as client:
            assert (await client.submit(a_text(), name="a.txt")).project == expected
        with Client(address, KEY, project=project) as plain:
            found = await asyncio.to_thread(plain.submit, a_text(), name="a.txt")
        assert found.project == expected
    async with AsyncClient(f"{site.url}?project=nowhere", KEY) as client:
        with pytest.raises(ApiError) as refused:
            await client.submit(a_text(), name="a.txt")
    assert (refused.value.status, refused.value.code) == (404, "not_found")


async def test_tokens_allow_what_they_say(do: Do, site: Site) -> None:
    made = await do("tokens.create", max_count=1, max_bytes=1000, types=["text/*"], expires_in=60)
    async with AsyncClient(site.url, made.token) as browser:
        await browser.submit(a_text(), name="a.txt")
        for what in (a_text(), a_text(2000)):
            with pytest.raises(ApiError):
                await browser.submit(what, name="a.txt")


async def test_an_uploader_is_given_out_and_erased(do: Do, site: Site, tmp_path: Path) -> None:
    asset = await do("submit", a_text(), name="a.txt", uploader="ann/b")
    saved = await do("uploaders.export", "ann/b", tmp_path / "ann.tar")
    with tarfile.open(saved) as archive:
        assert f"{asset.id}/original/a.txt" in archive.getnames()
    into = BytesIO()
    assert await do("uploaders.export", "ann/b", into, files=False) is None
    assert b"original/a.txt" not in into.getvalue()
    begun = await do("uploaders.erase", "ann/b")
    await site.services.erasures.sweep()
    assert (await do("uploaders.erasure", begun.id)).assets == 1
    with pytest.raises(ApiError) as caught:
        await do("get", asset.id)
    assert caught.value.status == 410


async def test_the_audit_trail_tells_who_did_what(do: Do) -> None:
    made = await do("keys.create", "camera", ["upload"])
    since = datetime.now(UTC) - timedelta(hours=1)
    [entry] = await do("audit.list", what="key", subject=made.id, since=since)
    assert (entry.what, entry.who) == ("key.created", "owner")


async def test_imports_are_begun_followed_and_ended(do: Do, tmp_path: Path) -> None:
    begun = await do("imports.create", urls=["https://a.example/1.jpg"], tags=["t"])
    assert (begun.total, begun.tags, begun.settled) == (1, ("t",), False)
    manifest = tmp_path / "list.csv"
    manifest.write_text("url,name\nhttps://a.example/1.jpg,a.jpg\nhttps://a.example/2.jpg,b.jpg\n")
    assert (await do("imports.create_from", manifest, tags=["x", "y"])).tags == ("x", "y")
    lines = BytesIO(b'{"url": "https://a.example/3.jpg"}\n')
    assert (await do("imports.create_from", lines, name="a.jsonl")).total == 1
    with pytest.raises(ValueError, match=r"\.csv"):
        await do("imports.create_from", b"x", name="a.xlsx")
    assert len(await do("imports.list")) == 3
    assert [item.source for item in await do("imports.items", begun.id)] == [
        "https://a.example/1.jpg"
    ]
    with pytest.raises(TimeoutError, match=begun.id):
        await do("imports.wait", begun.id, 0)
    await do("imports.cancel", begun.id)
    assert (await do("imports.get", begun.id)).state == "cancelled"
    assert (await do("imports.wait", begun.id)).settled


async def test_webhooks_are_added_listed_and_removed(do: Do) -> None:
    made = await do("webhooks.create", "https://hooks.example/in")
    assert made.secret.startswith("whsec_")
    assert [hook.id for hook in await do("webhooks.list")] == [made.id]
    assert (await do("webhooks.get", made.id)).url == "https://hooks.example/in"
    assert (await do("webhooks.enable", made.id)).enabled
    await do("webhooks.delete", made.id)
    assert await do("webhooks.list") == []


async def test_what_others_were_told_of_an_asset_can_be_asked(do: Do) -> None:
    asset = await do("submit", a_text(), name="a.txt")
    assert await do("webhooks.deliveries", asset.id) == []
    with pytest.raises(ApiError):
        await do("webhooks.resend", asset.id, "nix")


async def test_events_are_heard_from_the_last_one_on(do: Do, site: Site) -> None:
    asset = await do("submit", a_text(), name="a.txt")
    with Client(site.url, KEY) as client:
        heard = await asyncio.to_thread(next, client.events.listen(assets=[asset.id]))
    assert (heard.id, heard.name, heard.state) == (asset.id, "a.txt", "received")
    async with AsyncClient(site.url, KEY) as client_:
        async with aclosing(client_.events.listen(after=heard.event)) as events:  # type: ignore[type-var] # it is a generator
            again = await anext(events)
        assert again == heard
        with pytest.raises(ApiError):
            await anext(client_.events.listen(states=["nix"]))


def test_the_environment_says_where_the_server_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKILN_URL", "https://k%40y@media.example:1/base/?verify=off&timeout=5")
    monkeypatch.setenv("MEDIAKILN_KEY", "other")
    found = Address.of(None, None)
    assert found == Address("https://media.example:1/base", "k@y", verify=False, timeout=5.0)
    assert Address.of(None, "mine").key == "mine"
    monkeypatch.setenv("MEDIAKILN_URL", "https://media.example?verify=/etc/ca.pem")
    assert Address.of(None, None) == Address("https://media.example", "other", "/etc/ca.pem")
    assert Address.of("http://elsewhere.example", None).key is None
    monkeypatch.setenv("MEDIAKILN_URL", "https://media.example?project=acme")
    assert Address.of(None, None).project == "acme"
    monkeypatch.setenv("MEDIAKILN_PROJECT", "films")
    assert Address.of(None, None).project == "films"
    assert Address.of("http://elsewhere.example", None).project is None
    assert Address.of("http://elsewhere.example?project=acme", None).project == "acme"
    monkeypatch.delenv("MEDIAKILN_URL")
    assert Address.of(None, None).url == "http://127.0.0.1:8420"


@pytest.mark.parametrize("url", ["http://h?nix=1", "http://h?timeout=soon", "media.example"])
def test_an_address_with_options_that_are_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"option|float|address"):
        Client(url)
