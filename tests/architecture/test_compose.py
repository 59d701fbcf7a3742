"""The compose files: form, settings, engines, and what a container may do. Nothing is started."""

import os
import re
import tomllib
from typing import Any

import pytest

from mediakiln.cli.main import app
from mediakiln.roles.engines import (
    BROKERS,
    CATALOGS,
    EXTRAS,
    STORES,
    open_broker,
    open_catalog,
    open_store,
)
from mediakiln.roles.settings import PREFIX, Settings
from mediakiln.roles.table import ROLES
from support import compose

PINNED = re.compile(r"[a-z0-9/._-]+:v?\d+(\.\d+)+(-[a-z]+)*")
SECRET = re.compile(r"KEY|SECRET|PASSWORD|TOKEN")
TESTED = {
    "kafka": ("kafka.py", r"kafka_2\.13:([\d.]+)"),
    "s3": ("s3.py", r"versitygw@v([\d.]+)"),
    "sqs": ("sqs.py", r"elasticmq-server_2\.13:([\d.]+)"),
    "dynamodb": ("dynamodb.py", r"DynamoDBLocal:([\d.]+)"),
    "cassandra": ("cassandra.py", r"cassandra-all:([\d.]+)"),
}
"""The server scripts of the tests, and where the version stands in them."""

SERVED = tuple(role for role in ROLES if role != "watch")
"""What runs in containers; a watched folder is one machine's own."""

Service = dict[str, Any]


@pytest.fixture(params=compose.SETUPS)
def setup(request: pytest.FixtureRequest) -> dict[str, Any]:
    return compose.setup(request.param)


def ours(setup: dict[str, Any]) -> dict[str, Service]:
    """The services that run mediakiln."""
    return {
        name: service
        for name, service in setup["services"].items()
        if service.get("image") == "mediakiln:local"
    }


def servers(setup: dict[str, Any]) -> dict[str, Service]:
    return {name: each for name, each in setup["services"].items() if name not in ours(setup)}


def settings_of(service: Service, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What mediakiln reads in this service's container."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in service["environment"].items():
        assert isinstance(value, str), f"{name} is not quoted"
        monkeypatch.setenv(name, value)
    return Settings()


def test_every_role_has_a_service_and_every_service_a_role(setup: dict[str, Any]) -> None:
    commands = {name: service["command"] for name, service in ours(setup).items()}
    assert commands.pop("init") == ["init"]
    assert commands == {role: ["run", role] for role in SERVED}
    assert {"init", "run"} <= set(app)


def test_the_settings_of_every_service_are_accepted(
    setup: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ours(setup).values():
        settings_of(service, monkeypatch).check()


def test_every_service_uses_the_same_engines_and_their_urls_are_right(
    setup: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set()
    for service in ours(setup).values():
        settings = settings_of(service, monkeypatch)
        found.add((settings.store_url, settings.broker_url, settings.catalog_url))
    ((store, broker, catalog),) = found
    assert store.partition(":")[0] in STORES
    assert broker.partition(":")[0] in BROKERS
    assert catalog.partition(":")[0] in CATALOGS
    for opened in (open_store(settings), open_broker(settings), open_catalog(settings)):
        assert opened.capabilities is not None


def test_a_url_names_a_server_of_the_same_file(setup: dict[str, Any]) -> None:
    init = setup["services"]["init"]
    urls = [init["environment"][f"{PREFIX}{name}"] for name in ("BROKER", "STORE", "CATALOG")]
    hosts = {
        re.findall(r"(?:endpoint=http://|//(?:[^/@]+@)?)([a-z0-9]+):", url)[-1] for url in urls
    }
    assert hosts == servers(setup).keys()


def test_the_image_holds_the_extras_that_the_engines_need(setup: dict[str, Any]) -> None:
    init = setup["services"]["init"]
    given = set(init["build"]["args"]["EXTRAS"].split(","))
    environment = init["environment"]
    schemes = {
        environment[f"{PREFIX}{n}"].partition(":")[0] for n in ("BROKER", "STORE", "CATALOG")
    }
    assert {EXTRAS[scheme] for scheme in schemes if scheme in EXTRAS} <= given
    project = tomllib.loads((compose.ROOT / "pyproject.toml").read_text())["project"]
    assert given <= set(project["optional-dependencies"])


def test_servers_have_exact_versions(setup: dict[str, Any]) -> None:
    for name, service in servers(setup).items():
        assert PINNED.fullmatch(service["image"]), name


@pytest.mark.parametrize("name", TESTED)
def test_a_server_has_the_version_that_the_tests_run_on(name: str) -> None:
    script, version = TESTED[name]
    found = re.search(version, (compose.ROOT / "engines" / "servers" / script).read_text())
    assert found is not None
    image = compose.read("servers.yaml")["services"][name]["image"]
    assert image.rpartition(":")[2].removeprefix("v") == found[1]


def test_only_the_web_is_published_and_only_to_this_machine(setup: dict[str, Any]) -> None:
    assert {name for name, service in setup["services"].items() if "ports" in service} == {"web"}
    assert setup["services"]["web"]["ports"] == ["127.0.0.1:8420:8420"]


def test_servers_cannot_be_reached_from_outside_nor_reach_out(setup: dict[str, Any]) -> None:
    assert setup["networks"]["engines"] == {"internal": True}
    for service in servers(setup).values():
        assert service["networks"] == ["engines"]
    out = {name for name, each in ours(setup).items() if each["networks"] != ["engines"]}
    assert out == {"web", "notify", "import"}


def test_init_waits_for_healthy_servers_and_every_role_for_init(setup: dict[str, Any]) -> None:
    for service in servers(setup).values():
        assert service["healthcheck"]["test"]
    healthy = {name: {"condition": "service_healthy"} for name in servers(setup)}
    assert setup["services"]["init"]["depends_on"] == healthy
    assert setup["services"]["init"]["restart"] == "no"
    done = {"init": {"condition": "service_completed_successfully"}}
    for role in SERVED:
        assert setup["services"][role]["depends_on"] == done


def test_every_service_has_a_limit_of_memory_and_a_health_check_or_says_why_not(
    setup: dict[str, Any],
) -> None:
    for name, service in setup["services"].items():
        assert re.fullmatch(r"\d+[mg]", service["deploy"]["resources"]["limits"]["memory"]), name
        assert set(service["healthcheck"]) >= {"test"} or service["healthcheck"] == {
            "disable": True
        }


def test_what_servers_keep_is_in_named_volumes(setup: dict[str, Any]) -> None:
    used = {
        volume.partition(":")[0]
        for service in setup["services"].values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert used == setup["volumes"].keys()
    for name, service in servers(setup).items():
        assert any(not volume.startswith(".") for volume in service["volumes"]), name


def test_files_that_are_mounted_exist(setup: dict[str, Any]) -> None:
    mounted = [
        volume.partition(":")[0]
        for service in setup["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith(".")
    ]
    assert all((compose.FOLDER / path).is_file() for path in mounted)


def test_a_role_may_write_nothing_but_its_folders_and_has_no_privileges(
    setup: dict[str, Any],
) -> None:
    for service in ours(setup).values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["user"] == "10001:10001"
        assert service["init"] is True
        data = service["environment"][f"{PREFIX}DATA"]
        places = [*service["tmpfs"], *(v.partition(":")[2] for v in service.get("volumes", []))]
        assert set(places) == {"/tmp", data}


def test_workers_refuse_to_work_without_isolation(
    setup: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings_of(setup["services"]["process"], monkeypatch).isolation_required


def test_replicas_of_web_share_a_key_and_no_other_role_has_it(setup: dict[str, Any]) -> None:
    having = {name for name, each in ours(setup).items() if f"{PREFIX}KEY" in each["environment"]}
    assert having == {"web"}


@pytest.mark.parametrize("file", sorted(path.name for path in compose.FOLDER.glob("*.yaml")))
def test_secrets_come_from_the_environment_and_stand_in_no_file(file: str) -> None:
    for name, service in compose.read(file).get("services", {}).items():
        for variable, value in (service.get("environment") or {}).items():
            if SECRET.search(variable):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{name}: {variable}"
            for login in re.findall(r"//([^/@\s]+)@", value):
                assert re.fullmatch(r"\w+:\$\{\w+:\?[^}]+\}", login), f"{name}: {variable}"
    assert compose.variables(file) <= compose.example().keys()


def test_the_example_of_an_environment_holds_no_secret() -> None:
    for name, value in compose.example().items():
        assert not (SECRET.search(name) and value), name
    files = compose.example()["COMPOSE_FILE"].split(":")
    assert all((compose.FOLDER / file).is_file() for file in files)
