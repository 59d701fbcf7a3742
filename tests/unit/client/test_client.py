"""Both clients against a real server: what one does, the other does too."""

import asyncio
from collections.abc import Callable, Coroutine
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import mediakiln
from mediakiln.client import ApiError, Asset, AsyncClient, Client, DownloadDamaged
from mediakiln.model.keys import Bucket
from mediakiln.model.kind import AssetState
from mediakiln.stages.ledger import Change
from support.site import Site, a_text, publish, until_watched
from support.world import World

Do = Callable[..., Coroutine[Any, Any, Any]]


class Pipe(BytesIO):
    """Bytes that come once."""

    def seekable(self) -> bool:
        return False


async def finish(world: World, id: str) -> None:
    """End the asset's run."""
    await world.ledger.change(
        id, lambda asset: Change(asset.model_copy(update={"state": AssetState.READY}))
    )


async def test_a_file_is_submitted_from_disk_with_its_progress(
    do: Do, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "Größe 1.txt"
    path.write_bytes(a_text(700_000))
    told: list[tuple[int, int | None]] = []
    asset = await do(
        "submit",
        path,
        recipe={"steps": {"t": {"op": "document.text"}}},
        tags=["a", "b"],
        uploader="Zoë",
        on_progress=lambda sent, size: told.append((sent, size)),
    )
    assert isinstance(asset, Asset)
    assert (asset.name, asset.bytes, asset.tags) == ("Größe 1.txt", 700_000, ("a", "b"))
    assert (asset.uploader, list(asset.recipe["steps"])) == ("Zoë", ["t"])
    assert told[-1] == (700_000, 700_000)
    assert [sent for sent, _ in told] == sorted(sent for sent, _ in told)
    assert (await site.world.asset(asset.id)).bytes == 700_000


async def test_bytes_and_open_files_need_a_name(do: Do) -> None:
    for what in (b"some text", BytesIO(b"some text")):
        assert (await do("submit", what, name="a.txt", recipe="document")).bytes == 9
    for what in (b"some text", BytesIO(b"some text")):
        with pytest.raises(ValueError, match="name"):
            await do("submit", what)


async def test_a_refusal_carries_its_code_and_what_else_was_said(do: Do) -> None:
    with pytest.raises(ApiError) as caught:
        await do("submit", b"text", name="a.txt", recipe="nix")
    assert (caught.value.code, caught.value.status) == ("unknown_recipe", 422)
    assert "image" in caught.value.context["allowed"]
    with pytest.raises(ApiError) as caught:
        await do("get", "nix")
    assert (caught.value.code, caught.value.detail) == ("not_found", "there is no asset 'nix'")


async def test_the_refusal_of_a_large_upload_reaches_its_sender(do: Do) -> None:
    with pytest.raises(ApiError) as caught:
        await do("submit", Pipe(a_text(30_000_000)), name="a.txt")
    assert (caught.value.code, caught.value.limit) == ("too_large", 10_000_000)
    assert caught.value.hint


async def test_all_assets_are_listed_over_page_ends(do: Do, site: Site) -> None:
    ids = set()
    for _ in range(105):
        ids.add((await site.world.upload()).id)
    assert {asset.id for asset in await do("list")} == ids
    assert await do("list", state="ready") == []
    assert await do("list", search="nothing*") == []


async def test_waiting_ends_with_the_run_or_with_patience(do: Do, site: Site) -> None:
    asset = await site.world.upload()
    with pytest.raises(TimeoutError, match="still received"):
        await do("wait", asset.id, 0.3)
    waiting = asyncio.create_task(do("wait", asset.id, 10))
    await until_watched(site.server)
    await finish(site.world, asset.id)
    assert (await waiting).state == "ready"


async def test_watching_shows_every_change(do: Do, site: Site) -> None:
    asset = await site.world.upload()
    watching = asyncio.create_task(do("watch", asset.id))
    await until_watched(site.server)
    await finish(site.world, asset.id)
    assert [seen.state for seen in await watching] == ["received", "ready"]


async def test_downloads_go_to_files_folders_and_open_files(
    do: Do, site: Site, tmp_path: Path
) -> None:
    uploaded = await do("submit", a_text(2_000_000), name="größe.txt")
    await publish(site.world, uploaded.id, "web", {"web.webp": b"webp"})
    asset = await do("get", uploaded.id)
    assert await do("download", asset, tmp_path) == tmp_path / "größe.txt"
    assert (tmp_path / "größe.txt").read_bytes() == a_text(2_000_000)
    product = asset.product("web")
    assert await do("download", product, tmp_path / "x.webp") == tmp_path / "x.webp"
    assert (tmp_path / "x.webp").read_bytes() == b"webp"
    into = BytesIO()
    assert await do("download", product.url, into) is None
    assert into.getvalue() == b"webp"
    with pytest.raises(KeyError):
        asset.product("nix")


async def test_a_damaged_download_leaves_nothing(do: Do, site: Site, tmp_path: Path) -> None:
    uploaded = await do("submit", a_text(1000), name="a.txt")
    source = (await site.world.asset(uploaded.id)).source
    await site.world.store.delete(Bucket.INPUT, [source.key])
    await site.world.store.put(Bucket.INPUT, source.key, bytes(1000))
    with pytest.raises(DownloadDamaged):
        await do("download", uploaded, tmp_path / "a.txt")
    assert list(tmp_path.glob("*a.txt*")) == []


async def test_the_key_never_follows_an_address_that_leads_elsewhere(do: Do, site: Site) -> None:
    asset = await do("submit", a_text(), name="a.txt")
    elsewhere = f"http://evil.example:1/v1/assets/{asset.id}/original"
    into = BytesIO()
    await do("download", elsewhere, into)
    assert into.getvalue() == a_text()
    with pytest.raises(ValueError, match="not the address"):
        await do("download", "http://evil.example/", into)
    assert site.server.port


async def test_assets_are_processed_again_restored_and_deleted(do: Do) -> None:
    asset = await do("submit", a_text(), name="a.txt")
    assert (await do("process", asset, "document")).run == 2
    assert (await do("process", asset.id)).run == 3
    assert await do("restore", asset) == 0
    assert (await do("delete", asset)).state == "deleting"
    with pytest.raises(ApiError) as caught:
        await do("get", asset.id)
    assert (caught.value.code, caught.value.status) == ("gone", 410)


async def test_what_is_installed_and_what_is_dead_can_be_asked_for(do: Do) -> None:
    assert "image.resize" in {item["name"] for item in await do("operations")}
    assert "image" in {item["name"] for item in await do("recipes")}
    assert await do("dead_letters") == []
    for method in ("dead_letter", "replay", "drop"):
        with pytest.raises(ApiError):
            await do(method, "nix")


async def test_without_the_key_the_server_refuses(site: Site) -> None:
    async with AsyncClient(site.url) as client:
        with pytest.raises(ApiError) as caught:
            await client.get("nix")
    assert caught.value.code == "unauthorised"


async def test_the_key_may_stand_in_the_address(site: Site) -> None:
    address = f"http://:mk_key%3Awith%2Fodd%40characters@127.0.0.1:{site.server.port}"
    async with mediakiln.AsyncClient(address) as client:
        assert await client.operations()


def test_an_address_that_is_none_is_refused_without_repeating_its_key() -> None:
    with pytest.raises(ValueError, match="not the address") as caught:
        Client("ftp://:secret@127.0.0.1")
    assert "secret" not in str(caught.value)


def test_the_package_offers_the_clients_and_nothing_unknown() -> None:
    assert mediakiln.Client is Client
    with pytest.raises(AttributeError):
        _ = mediakiln.Nix
