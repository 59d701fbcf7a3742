"""Many small jobs on several processes of every role: none is lost, none has two results.

`MEDIAKILN_TEST_JOBS` says how many; 240 are enough to notice a fault of the code, 20,000 show what
a day's load does.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from mediakiln.model.asset import Asset
from mediakiln.model.keys import Bucket
from mediakiln.roles.engines import Engines, open_engines
from support.deployments import settings_of, urls_of, wanted
from support.fleet import ROLES, supervised
from support.platform import Platform

JOBS = int(os.environ.get("MEDIAKILN_TEST_JOBS", "240"))
AT_ONCE = 16
SECONDS_A_JOB = 0.5

pytestmark = [
    pytest.mark.engines,
    pytest.mark.slow,
    pytest.mark.timeout(120 + SECONDS_A_JOB * JOBS * 2),
    pytest.mark.xdist_group("pipeline"),
]


@pytest.mark.parametrize("deployment", wanted()[:1])
def test_many_small_jobs_end_once_each(tmp_path: Path, deployment: str) -> None:
    site = Platform(tmp_path, {"WORKERS": "1", "MAX_ATTEMPTS": "50", **urls_of(deployment)})
    try:
        assert site.command("init", timeout=120).returncode == 0
        with supervised(site, ROLES, each=2):
            started = time.monotonic()
            taken = asyncio.run(_upload(site.url))
            asyncio.run(_all_ended(site))
            print(f"{JOBS / (time.monotonic() - started):.1f} jobs a second")
        asyncio.run(_check(site, taken))
    finally:
        site.end()


async def _upload(base: str) -> set[str]:
    """Texts, no two alike, each sent until it is acknowledged."""
    numbers = iter(range(JOBS))
    taken: set[str] = set()
    async with httpx2.AsyncClient(base_url=base, timeout=60, trust_env=False) as client:

        async def uploader() -> None:
            for number in numbers:
                body = f"The text of number {number} is a short one.\n".encode()
                while True:
                    answer = await client.post(
                        "/v1/assets", params={"filename": f"{number}.txt"}, content=body
                    )
                    if answer.is_success:
                        taken.add(answer.json()["id"])
                        break
                    assert answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE, answer.text
                    await asyncio.sleep(float(answer.headers["retry-after"]))

        await asyncio.gather(*(uploader() for _ in range(AT_ONCE)))
    return taken


async def _all_ended(site: Platform) -> None:
    engines = open_engines(settings_of(site))
    try:
        async with asyncio.timeout(60 + SECONDS_A_JOB * JOBS):
            while True:
                count = 0
                async for asset in _assets(engines):
                    count += asset.state.terminal
                if count >= JOBS:
                    return
                await asyncio.sleep(min(20, 1 + (JOBS - count) / 50))
    finally:
        await engines.close()


async def _assets(engines: Engines) -> AsyncIterator[Asset]:
    cursor = None
    while True:
        page = await engines.catalog.list("default", limit=500, cursor=cursor)
        for asset in page.assets:
            yield asset
        if (cursor := page.cursor) is None:
            return


async def _check(site: Platform, taken: set[str]) -> None:
    """Every acknowledged upload has one record, ready, and one manifest a step."""
    engines = open_engines(settings_of(site))
    try:
        states = {asset.id: asset.state async for asset in _assets(engines)}
        assert set(states) == taken
        assert Counter(states.values()) == {"ready": JOBS}
        manifests: Counter[str] = Counter()
        async for item in engines.store.list(Bucket.PRODUCTION):
            if item.key.endswith(".manifest.json"):
                manifests[item.key.split("/")[1]] += 1
        assert manifests == dict.fromkeys(taken, 1)
        assert not (await engines.catalog.records("dead").list())[0]
    finally:
        await engines.close()
