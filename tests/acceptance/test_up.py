"""`mediakiln up` and `mediakiln run`: how they start, refuse, stop and die."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import psutil
import pytest

from mediakiln.model.kind import AssetState
from mediakiln.roles.settings import PREFIX
from support import media
from support.fleet import ROLES, supervised
from support.platform import PATIENCE, READY_S, Platform, clean_environment, platform
from support.waiting import until

pytestmark = pytest.mark.xdist_group("up")

IDLE_MB = 600
"""Unique memory of the whole process tree, as the interface promises."""
DONE = {
    "process": 'mediakiln_step_seconds_count{operation="image.resize",outcome="done"}',
    "notify": 'mediakiln_completed_total{kind="image",state="ready"} 1.0',
    "web": 'mediakiln_uploads_total{outcome="accepted"} 1.0',
}
"""What roles tell of one image."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Platform]:
    """A platform that is not started yet."""
    site = Platform(tmp_path)
    yield site
    site.end()


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a key and little to do, for all tests that leave it as it is."""
    with platform(tmp_path_factory.mktemp("idle"), auth=True) as site:
        yield site


@pytest.mark.timeout(300)
def test_it_ends_on_sigterm_by_a_kill_and_on_ctrl_c_with_nothing_left_and_nothing_lost(
    made: Platform,
) -> None:
    first = made.up()  # ready in time, or this fails
    with made.client() as client:
        asset = client.wait(client.submit(media.jpeg(), name="a.jpg"), timeout=60)
        assert asset.state is AssetState.READY
        ids = [client.submit(media.jpeg(n, 900, 600), name=f"{n}.jpg").id for n in range(12)]
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0
    assert made.survivors() == []
    assert not (made.data / "address").exists()
    second = made.up()
    with made.client() as client:
        states = [client.wait(id, timeout=60).state for id in ids]
    assert states == [AssetState.READY] * 12
    second.kill()
    second.wait()
    assert made.survivors(within=30) == []
    third = made.up()
    third.send_signal(signal.SIGINT)
    assert third.wait(30) == 0
    assert made.survivors() == []


def test_metrics_cover_the_workers_too(idle: Platform) -> None:
    with idle.client() as client:
        client.wait(client.submit(media.jpeg(), name="measured.jpg"), timeout=30)
    text = httpx2.get(f"{idle.url}/metrics").text
    assert 'mediakiln_step_seconds_count{operation="image.resize",outcome="done"}' in text
    assert 'mediakiln_uploads_total{outcome="accepted"}' in text


def test_a_second_up_on_the_same_folder_is_refused_and_the_first_goes_on(idle: Platform) -> None:
    second = idle.command("up", "--port", "0")
    assert second.returncode == 1
    assert str(idle.data) in second.stderr
    assert "--data" in second.stderr
    assert idle.ready(idle.url)


def test_the_owner_key_is_for_its_owner_only_and_opens_the_door(idle: Platform) -> None:
    assert stat.S_IMODE((idle.data / "owner.key").stat().st_mode) == 0o600
    refused = httpx2.get(f"{idle.url}/v1/assets", trust_env=False)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorised")
    with idle.client() as client:
        assert list(client.list(kind="video")) == []


def test_no_auth_is_refused_on_an_address_that_others_can_reach(made: Platform) -> None:
    answer = made.command("up", "--no-auth", "--host", "0.0.0.0", "--port", "0")
    assert answer.returncode == os.EX_CONFIG
    assert "MEDIAKILN_AUTH" in answer.stderr


def test_a_port_that_is_taken_is_said_so(idle: Platform, made: Platform) -> None:
    answer = made.command("up", "--port", idle.url.rpartition(":")[2])
    assert answer.returncode == os.EX_CONFIG
    assert "--port" in answer.stderr


@pytest.mark.parametrize(
    ("setting", "value"), [("RECIPES", "/nowhere.json"), ("BROKER", "carrier-pigeon://loft")]
)
def test_settings_that_no_role_can_use_end_it_instead_of_being_tried_for_ever(
    made: Platform, setting: str, value: str
) -> None:
    wrong = {PREFIX + setting: value}
    answer = made.command("up", "--port", "0", environment=wrong)
    assert answer.returncode == os.EX_CONFIG
    assert f"{PREFIX}{setting}" in answer.stderr
    assert "starting it again" not in answer.stderr
    assert made.survivors() == []


def test_an_idle_platform_is_small(idle: Platform) -> None:
    with idle.client() as client:
        client.wait(client.submit(media.text(), name="a.txt"), timeout=30)
    tree = idle.look()
    until(lambda: _busy(tree) <= 0.2, within=60)  # of a core, once all that was begun is done
    memory = sum(process.memory_full_info().pss for process in tree) / 2**20
    assert memory <= IDLE_MB


@pytest.mark.timeout(300)
@pytest.mark.parametrize("roles", [("core", "process", "process")])
def test_roles_run_side_by_side_without_a_supervisor(
    made: Platform, roles: tuple[str, ...]
) -> None:
    port = _free_port()
    for role in roles:
        made.start("run", role, *(("--port", port) if role == "core" else ("--workers", "1")))
    made.url = f"http://127.0.0.1:{port}"
    _until_ready(made)
    with made.client() as client:
        ids = [client.submit(content, name=name).id for name, content in media.mixed(12)]
        ended = [client.wait(id, timeout=60) for id in ids]
    assert [asset.error for asset in ended] == [None] * 12
    made.stop()
    assert made.survivors() == []


@pytest.mark.timeout(300)
def test_every_role_by_itself_makes_a_whole_platform_and_tells_what_it_did(tmp_path: Path) -> None:
    site = Platform(tmp_path, {"METRICS_PORT": "0", "WORKERS": "1"})
    try:
        with supervised(site, ROLES):
            with site.client() as client:
                asset = client.wait(client.submit(media.jpeg(), name="a.jpg"), timeout=60)
            assert asset.state is AssetState.READY
            until(lambda: set(_metrics(site)) == set(ROLES))
            for role, line in DONE.items():
                until(partial(_tells, _metrics(site)[role], line))
        assert site.survivors() == []
    finally:
        site.end()


def _tells(address: str, line: str) -> bool:
    return line in httpx2.get(address, trust_env=False, timeout=60).text


def _metrics(site: Platform) -> dict[str, str]:
    """Where each role said in its log that it can be scraped."""
    said = "metrics are on "
    found = [line for line in site.lines() if line.get("message", "").startswith(said)]
    return {line["role"]: line["message"].removeprefix(said) for line in found}


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
sys.argv = ["mediakiln", "--help"]
from mediakiln.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {"alembic", "fastapi", "numpy", "obstore", "pyvips", "sqlalchemy", "starlette", "trimesh",
         "uvicorn"}
print("HEAVY", sorted(heavy & sys.modules.keys()))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment({}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage" in answer.stdout
    assert answer.stdout.strip().endswith("HEAVY []")


def _busy(tree: list[psutil.Process]) -> float:
    """Processors taken in three seconds."""
    before = sum(_cpu_s(process) for process in tree)
    time.sleep(3)
    return (sum(_cpu_s(process) for process in tree) - before) / 3


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def _until_ready(made: Platform) -> None:
    until(lambda: made.ready(made.url), within=READY_S * PATIENCE * 3)
    made.look()
