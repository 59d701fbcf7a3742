"""The whole pipeline on distributed engines: main job, kills of every role, nothing lost."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import httpx2
import psutil
import pytest
from blake3 import blake3

from mediakiln.client import ApiError, Client, Retry
from support import media
from support.audit import Findings, audit
from support.deployments import settings_of, urls_of, wanted
from support.fleet import ROLES, supervised
from support.hooks import Hooks, receiving
from support.platform import Platform
from support.waiting import until

pytestmark = [
    pytest.mark.engines,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("pipeline"),
]

QUICK = {
    "LEASE_S": "5",
    "STALL_S": "10",
    "RETRY_BASE_S": "0.2",
    "WORKERS": "1",
    "MAX_ATTEMPTS": "50",
}
Files = Sequence[tuple[str, bytes]]


@pytest.fixture(params=wanted())
def deployment(request: pytest.FixtureRequest) -> dict[str, str]:
    """Engine settings, with names that no other test uses."""
    return urls_of(request.param)


@pytest.fixture
def site(tmp_path: Path, deployment: dict[str, str]) -> Iterator[Platform]:
    """A platform on these engines, not started yet."""
    made = Platform(tmp_path, QUICK | deployment)
    yield made
    made.end()


def test_the_main_job_is_done_as_on_the_embedded_engines(site: Platform) -> None:
    for _ in range(2):
        made = site.command("init", timeout=120)
        assert made.returncode == 0, made.stderr
    found = site.command("doctor", timeout=120)
    assert found.returncode == 0, found.stdout
    shown = site.command("demo", "--port", "0", timeout=300)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stdout.count(": done ") == 10, shown.stdout


def test_two_processes_of_every_role_are_killed_and_nothing_is_lost(site: Platform) -> None:
    files = media.mixed(60)
    assert site.command("init", timeout=120).returncode == 0
    with receiving() as hooks:
        site.settings = {**site.settings, **hooks.settings()}
        with supervised(site, ROLES, each=2), killing(site):
            ids = sent(site, files)
            finish(site, ids, hooks)
        found = at_rest(site, files)
    assert found.broken == []
    assert {asset.id for asset in found.assets} >= set(ids)
    for asset in found.assets:
        told = hooks.told[asset.id, 1]
        assert {state for _, state in told} == {str(asset.state)}
        assert len({id for id, _ in told}) == 1
    assert sum(asset.state == "ready" for asset in found.assets) >= len(ids) * 0.9


@contextmanager
def killing(site: Platform) -> Iterator[None]:
    """kill -9 of one process of each role in turn, a second apart, as long as the block runs."""
    stop = threading.Event()

    def kill() -> None:
        for role in ROLES:
            if stop.wait(1.5):
                return
            for victim in site.named("run", role)[:1]:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def sent(site: Platform, files: Files) -> list[str]:
    """Upload each file until it is acknowledged; its asset's id."""
    with site.client(retry=Retry(tries=1)) as client, ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda file: _send(client, *file), files))


def _send(client: Client, name: str, content: bytes) -> str:
    found: list[str] = []

    def accepted() -> bool:
        try:
            found.append(client.submit(content, name=name).id)
        except (httpx2.TransportError, ApiError) as error:
            if isinstance(error, ApiError) and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
        return bool(found)

    until(accepted, within=120)
    return found[0]


def finish(site: Platform, ids: Sequence[str], hooks: Hooks) -> None:
    """Wait until every asset has ended, and its webhook's receiver was told."""
    with site.client(retry=Retry(tries=20)) as client:
        for id in ids:
            assert client.wait(id, timeout=240).state.terminal
        until(lambda: {asset.id for asset in client.list()} <= hooks.assets(), within=120)


def at_rest(site: Platform, files: Files) -> Findings:
    """With every process gone, look at every record and object."""
    checksums = {f"blake3:{blake3(content).hexdigest()}" for _, content in files}
    return asyncio.run(audit(settings_of(site), checksums))
