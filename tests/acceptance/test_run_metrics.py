"""Roles that run alone can be scraped, each on a port of its own."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest

from support import media
from support.fleet import supervised
from support.platform import Platform
from support.waiting import until

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Platform]:
    made = Platform(tmp_path, {"METRICS_PORT": "0", "WORKERS": "1"})
    yield made
    made.end()


def test_the_role_that_works_tells_what_it_did(site: Platform) -> None:
    roles = ("web", "classify", "process", "join", "notify")
    with supervised(site, roles):
        with site.client() as client:
            asset = client.wait(client.submit(media.jpeg(1), name="a.jpg").id, timeout=60)
        assert asset.state == "ready"
        addresses = _addresses(site)
        assert set(addresses) == set(roles)
        wanted = {
            "process": 'mediakiln_step_seconds_count{operation="image.resize",outcome="done"}',
            "notify": 'mediakiln_completed_total{kind="image",state="ready"} 1.0',
            "web": 'mediakiln_uploads_total{outcome="accepted"} 1.0',
        }
        for role, line in wanted.items():
            until(partial(_tells, addresses[role], line), within=30)


def _tells(address: str, line: str) -> bool:
    return line in httpx2.get(address, trust_env=False).text


def _addresses(site: Platform) -> dict[str, str]:
    """What each role said in its log, by role."""
    lines = [json.loads(line) for line in site.log.read_text().splitlines() if line[:1] == "{"]
    said = [line for line in lines if line["message"].startswith("metrics are on ")]
    return {line["role"]: line["message"].removeprefix("metrics are on ") for line in said}
