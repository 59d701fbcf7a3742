"""Ways in that are served alone."""

from pathlib import Path

import pytest
from starlette.routing import Route

from mediakiln.roles import table
from mediakiln.web.app import create_app
from mediakiln.web.doors import DOORS
from support.site import a_text, http_client, services_of, serving
from support.world import NoRunner, World


def test_every_door_is_a_role() -> None:
    assert set(table.DOORS) == set(DOORS)
    for name in table.DOORS:
        assert callable(table.builder(name))


@pytest.mark.parametrize("door", sorted(DOORS))
async def test_a_door_serves_its_way_in_and_its_health_and_nothing_else(
    tmp_path: Path, door: str
) -> None:
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await world.start()
    everything = {route for name in DOORS for route in _addresses(world, name)}
    async with (
        serving(create_app(services_of(world), door=door)) as server,
        http_client(server) as http,
    ):
        for address in ("/healthz", "/readyz", "/metrics"):
            assert (await http.get(address)).status_code == 200
        for address in ("/", "/docs", "/signin", "/v1/operations", "/v1/dead", "/v1/assets/x"):
            assert (await http.get(address)).status_code == 404, address
        others = everything - _addresses(world, door)
        for method, address in others:
            assert (await http.request(method, address)).status_code in {404, 405}


async def test_the_door_of_uploads_takes_files_and_shows_none(tmp_path: Path) -> None:
    world = World(tmp=tmp_path, runner=NoRunner())  # type: ignore[arg-type]
    await world.start()
    async with (
        serving(create_app(services_of(world), door="upload")) as server,
        http_client(server) as http,
    ):
        answer = await http.post("/v1/assets?filename=a.txt", content=a_text())
        assert answer.status_code == 201
        assert (await http.get(answer.json()["url"])).status_code == 404
        assert (await http.get("/v1/assets")).status_code == 405


def _addresses(world: World, door: str) -> set[tuple[str, str]]:
    """(method, address) of everything behind a door."""
    return {
        (method, route.path)
        for route in DOORS[door](services_of(world)).routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
