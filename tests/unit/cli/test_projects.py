"""Which project commands mean, against a server in this process."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mediakiln.cli.main import app
from mediakiln.model.errors import EngineMisconfigured
from mediakiln.web.app import create_app
from support.clients import KEY
from support.site import Site, a_text, http_client, services_of, serving
from support.world import NoRunner, World

Command = Callable[..., Awaitable[str]]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A server with three projects."""
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await world.start()
    services = services_of(world, owner_key=KEY)
    for name in ("acme", "films"):
        await services.access.projects.create(name, by="owner")
    async with serving(create_app(services)) as server, http_client() as http:
        yield Site(world=world, services=services, server=server, http=http)


@pytest.fixture
def command(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command in a thread, and gives what it prints."""

    async def run(*words: str, query: str = "", **environment: str) -> str:
        with monkeypatch.context() as patch:
            for name in [each for each in os.environ if each.startswith("MEDIAKILN_")]:
                patch.delenv(name)
            url = f"http://{quote(KEY, safe='')}@127.0.0.1:{site.server.port}{query}"
            patch.setenv("MEDIAKILN_URL", url)
            patch.setenv("MEDIAKILN_DATA", str(tmp_path / "data"))
            patch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
            for name, value in environment.items():
                patch.setenv(name, value)
            capsys.readouterr()
            await asyncio.to_thread(_called, words)
        return capsys.readouterr().out

    return run


def _called(words: tuple[str, ...]) -> None:
    try:
        app(list(words), result_action="return_value")
    except SystemExit as end:
        assert not end.code, end.code  # noqa: PT017 - a command may end the process well


async def projects(site: Site) -> dict[str, int]:
    """How many assets each has."""
    return {
        name: len((await site.world.catalog.list(name)).assets)
        for name in ("default", "acme", "films")
    }


async def test_a_flag_goes_before_the_environment_and_that_before_the_address(
    site: Site, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(a_text())
    everything: dict[str, Any] = {"query": "?project=acme", "MEDIAKILN_PROJECT": "films"}
    await command("submit", str(file), query="?project=acme")
    assert await projects(site) == {"default": 0, "acme": 1, "films": 0}
    await command("submit", str(file), **everything)
    assert await projects(site) == {"default": 0, "acme": 1, "films": 1}
    await command("submit", str(file), "--project", "default", **everything)
    assert await projects(site) == {"default": 1, "acme": 1, "films": 1}
    for given, named in (({}, "default"), (everything, "films")):
        found = json.loads(await command("assets", "list", "--json", **given))
        assert [asset["project"] for asset in found] == [named]
    found = json.loads(await command("assets", "list", "--json", "--project", "acme"))
    assert [asset["project"] for asset in found] == ["acme"]
    id = found[0]["id"]
    await command("assets", "delete", id, "--project", "acme")
    asset = await site.world.catalog.get(id)
    assert asset is not None
    assert asset.state == "deleting"


async def test_a_folder_that_was_sent_to_one_project_is_sent_to_another(
    site: Site, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_bytes(a_text())
    for name in ("acme", "films", "films"):
        await command("submit", str(folder), "--project", name)
    assert await projects(site) == {"default": 0, "acme": 1, "films": 1}


async def test_a_project_that_is_to_be_made_need_not_be_there(command: Command) -> None:
    made = await command("projects", "create", "new", MEDIAKILN_PROJECT="new")
    assert made.startswith("new is there")
    assert "new" in await command("projects", "list", MEDIAKILN_PROJECT="nowhere")


async def test_keys_and_the_trail_are_of_the_chosen_project(command: Command) -> None:
    key = await command("keys", "create", "k", "--scope", "read", MEDIAKILN_PROJECT="acme")
    assert key.startswith("mk_")
    await command("keys", "create", "k", "--scope", "read")
    for environment in ({"MEDIAKILN_PROJECT": "acme"}, {"query": "?project=acme"}):
        told = json.loads(await command("audit", "--what", "key", "--json", **environment))
        assert [entry["project"] for entry in told] == ["acme"]
    told = json.loads(await command("audit", "--what", "key", "--json"))
    assert [entry["project"] for entry in told] == ["default", "acme"]


async def test_a_project_that_there_is_not_ends_the_command(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError, match="1"):
        await command("assets", "list", "--project", "nowhere")
    assert "nowhere" in capsys.readouterr().err
    with pytest.raises(EngineMisconfigured, match="MEDIAKILN_PROJECT"):
        await command("assets", "list", MEDIAKILN_PROJECT="No Such")
