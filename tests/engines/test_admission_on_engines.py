"""Too much work waiting refuses uploads on brokers that know no age."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from support import media
from support.deployments import urls_of
from support.fleet import supervised
from support.platform import Platform
from support.waiting import until

pytestmark = [
    pytest.mark.engines,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("pipeline-brokers"),
]


@pytest.fixture(params=["kafka", "sqs"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """A platform with this broker, not started yet."""
    urls = urls_of(f"{request.param}+embedded+embedded")
    made = Platform(tmp_path, {"MAX_BACKLOG": "3", "WORKERS": "1", **urls})
    yield made
    made.end()


def test_uploads_wait_while_too_many_jobs_do(site: Platform) -> None:
    photo = media.jpeg(1)
    refused: list[httpx2.Response] = []

    def post() -> httpx2.Response:
        return httpx2.post(
            f"{site.url}/v1/assets?filename=a.jpg", content=photo, timeout=30, trust_env=False
        )

    def refuses() -> bool:
        answer = post()
        if answer.status_code == 503:
            refused.append(answer)
        else:
            assert answer.status_code == 201, answer.text
            time.sleep(0.5)
        return bool(refused)

    with supervised(site, ["web"]):
        until(refuses, within=90)
    said = refused[0].json()
    assert (said["code"], said["limit"]) == ("overloaded", 3)
    assert said["value"] > 3
    assert int(refused[0].headers["retry-after"]) > 0

    with supervised(site, ["web", "relay", "classify", "process", "join"]):
        until(lambda: post().status_code == 201, within=150)
