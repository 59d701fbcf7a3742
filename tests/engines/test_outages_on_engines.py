"""An engine that stops answering: uploads are refused or kept, and all that was taken ends."""

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from blake3 import blake3

from mediakiln.client import Retry
from support import media
from support.audit import audit
from support.deployments import engines_of, settings_of, urls_of, wanted
from support.freezing import frozen
from support.platform import Platform

pytestmark = [
    pytest.mark.engines,
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("pipeline"),
]

OUTAGE_S = 20.0
ANSWER_S = 60.0
"""A refusal that comes later than this helps nobody."""


@pytest.fixture(params=wanted())
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """A platform on these engines."""
    quick = {"LEASE_S": "5", "STALL_S": "10", "RETRY_BASE_S": "0.2", "WORKERS": "1"}
    made = Platform(tmp_path, quick | urls_of(request.param))
    assert made.command("init", timeout=120).returncode == 0
    made.up()
    yield made
    made.end()


def _port(url: str) -> int:
    found = re.search(r"(?:127\.0\.0\.1|localhost):(\d+)", url)
    assert found, url
    return int(found[1])


def _post(site: Platform, name: str, content: bytes) -> httpx2.Response:
    return httpx2.post(
        f"{site.url}/v1/assets",
        params={"filename": name},
        content=content,
        timeout=ANSWER_S,
        trust_env=False,
    )


def test_an_engine_that_does_not_answer_loses_nothing(site: Platform) -> None:
    files = media.mixed(24)
    taken: list[str] = []
    for number, engine in enumerate(engines_of(site)):
        batch = files[number * 8 : number * 8 + 8]
        answers = _during_an_outage(site, engine, batch)
        assert {answer.status_code for answer in answers} <= {201, 503}, engine
        for answer in answers:
            if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
                assert answer.json()["code"] == "engine_unavailable"
                assert int(answer.headers["retry-after"]) > 0
        taken += [answer.json()["id"] for answer in answers if answer.status_code == 201]
        assert _is_ready_again(site), engine
    with site.client(retry=Retry(tries=20)) as client:
        # An upload may be taken in although its answer had to be that nobody knows.
        known = {asset.id for asset in client.list()}
        assert set(taken) <= known
        ends = [client.wait(id, timeout=240) for id in known]
        sent = {f"blake3:{blake3(content).hexdigest()}" for _, content in files}
    assert [end.error for end in ends if end.state != "ready"] == []
    site.stop()
    found = asyncio.run(audit(settings_of(site), sent))
    assert found.broken == []


def _during_an_outage(
    site: Platform, engine: str, files: list[tuple[str, bytes]]
) -> list[httpx2.Response]:
    """Uploads before, in and at the end of an outage; each gets an answer."""
    with ThreadPoolExecutor(len(files)) as pool:
        before = pool.submit(_post, site, *files[0])
        time.sleep(0.05)
        with frozen(_port(site.settings[engine])):
            during = [pool.submit(_post, site, *file) for file in files[1:-1]]
            time.sleep(OUTAGE_S)
            last = pool.submit(_post, site, *files[-1])
        return [each.result() for each in (before, *during, last)]


def _is_ready_again(site: Platform) -> bool:
    deadline = time.monotonic() + 60
    while not site.ready(site.url):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
