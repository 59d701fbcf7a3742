"""An engine that stops answering: uploads are refused or kept, and all that was taken ends."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from blake3 import blake3

from mediakiln.client import Retry
from support import media
from support.audit import audit
from support.deployments import ENGINES, engines_of, settings_of, urls_of, wanted
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

Posts = list[Future[httpx2.Response]]


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[list[Platform]]:
    """A platform on every set of engines whose servers are there."""
    quick = {"LEASE_S": "5", "STALL_S": "10", "RETRY_BASE_S": "0.2", "WORKERS": "1"}
    made = [
        Platform(tmp_path / deployment, quick | urls)
        for deployment in wanted()
        if (urls := _urls_if_there(deployment))
    ]
    if not made:
        pytest.skip("needs the servers of one deployment: make test-engines")
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(_start, made))
        yield made
    finally:
        for site in made:
            site.end()


def _start(site: Platform) -> None:
    site.folder.mkdir()
    assert site.command("init", timeout=120).returncode == 0
    site.up()


def _urls_if_there(deployment: str) -> dict[str, str] | None:
    try:
        return urls_of(deployment)
    except pytest.skip.Exception:
        return None


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


def test_an_engine_that_does_not_answer_loses_nothing(sites: list[Platform]) -> None:
    """Every platform's broker is held at once, then every store, then every catalog."""
    files = media.mixed(24)
    taken: dict[str, list[str]] = {site.url: [] for site in sites}
    for number, engine in enumerate(ENGINES):
        held = [site for site in sites if engine in engines_of(site)]
        if not held:
            continue
        batch = files[number * 8 : number * 8 + 8]
        for site, answers in _during_an_outage(held, engine, batch):
            assert {answer.status_code for answer in answers} <= {201, 503}, engine
            for answer in answers:
                if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
                    assert answer.json()["code"] == "engine_unavailable"
                    assert int(answer.headers["retry-after"]) > 0
            taken[site.url] += [
                answer.json()["id"]
                for answer in answers
                if answer.status_code == httpx2.codes.CREATED
            ]
            assert _is_ready_again(site), engine
    for site in sites:
        _nothing_is_lost(site, taken[site.url], files)


def _nothing_is_lost(
    site: Platform, taken: Sequence[str], files: Sequence[tuple[str, bytes]]
) -> None:
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
    sites: Sequence[Platform], engine: str, files: Sequence[tuple[str, bytes]]
) -> list[tuple[Platform, list[httpx2.Response]]]:
    """Uploads to each before, in and at the end of an outage; each gets an answer."""

    def posts(pool: Executor, some: Sequence[tuple[str, bytes]]) -> list[Posts]:
        return [[pool.submit(_post, site, *file) for file in some] for site in sites]

    with ThreadPoolExecutor(len(files) * len(sites)) as pool:
        begun = posts(pool, files[:1])
        time.sleep(0.05)
        with ExitStack() as outage:
            for port in {_port(site.settings[engine]) for site in sites}:
                outage.enter_context(frozen(port))
            during = posts(pool, files[1:-1])
            time.sleep(OUTAGE_S)
            last = posts(pool, files[-1:])
        sent = zip(sites, begun, during, last, strict=True)
        return [
            (site, [post.result() for post in (*first, *second, *third)])
            for site, first, second, third in sent
        ]


def _is_ready_again(site: Platform) -> bool:
    deadline = time.monotonic() + 60
    while not site.ready(site.url):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
