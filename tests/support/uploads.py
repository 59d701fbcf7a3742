"""Good files that keep flowing, and uploads as any program would send them."""

import threading
import time
from itertools import count
from typing import Any

import httpx2

from mediakiln.client import Asset
from mediakiln.model.kind import AssetState
from support import media
from support.platform import Platform

GOOD_WITHIN_S = 30.0
"""The longest a good file may take beside the bad ones, on a busy machine."""
AT_LEAST = 4
"""So many are sent even beside a single short test."""

PAUSE_S = 1.0
"""Between two good files, so that the bad ones get on as well."""

Form = tuple[str | None, str | bytes]


class GoodFiles:
    """Keeps sending small images, and remembers how long each took to be ready."""

    def __init__(self, site: Platform) -> None:
        self._site = site
        self._stop = threading.Event()
        self.ended: list[Asset] = []
        self.seconds: list[float] = []
        self.broken: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._site.client() as client:
                for number in count(10_000):
                    if self._stop.wait(PAUSE_S) and len(self.ended) >= AT_LEAST:
                        return
                    started = time.monotonic()
                    sent = client.submit(media.jpeg(number), name="good.jpg")
                    self.ended.append(client.wait(sent, timeout=60))
                    self.seconds.append(time.monotonic() - started)
        except BaseException as error:  # noqa: BLE001 - told to the test by `close`
            self.broken.append(error)

    def close(self) -> None:
        """Stop, and insist that every file got through in time."""
        self._stop.set()
        self._thread.join()
        assert self.broken == []
        assert {asset.state for asset in self.ended} == {AssetState.READY}
        assert max(self.seconds) < GOOD_WITHIN_S


def post(site: Platform, data: bytes, name: str = "a.bin", **more: Any) -> httpx2.Response:
    """Upload as any program would."""
    params = {"filename": name, **more.pop("params", {})}
    response = httpx2.post(
        f"{site.url}/v1/assets", params=params, content=data, timeout=30, trust_env=False, **more
    )
    assert response.status_code < 500
    return response


def refusal(response: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem document."""
    assert response.headers["content-type"].startswith("application/problem+json")
    document = response.json()
    assert document["status"] == response.status_code
    assert {"type", "title", "detail"} <= document.keys()
    return response.status_code, document["code"]


def end(site: Platform, response: httpx2.Response, timeout: float = 60) -> Asset:
    """The asset of an accepted upload at the end of its run."""
    assert response.status_code == 201, response.text
    with site.client() as client:
        return client.wait(response.json()["id"], timeout=timeout)


def code(asset: Asset) -> str | None:
    return asset.error.code if asset.error else None


def with_recipe(site: Platform, recipe: str) -> httpx2.Response:
    """Upload a picture in a form, with a recipe."""
    files: dict[str, Form] = {"recipe": (None, recipe), "file": ("a.jpg", media.jpeg())}
    return httpx2.post(f"{site.url}/v1/assets", files=files, timeout=30, trust_env=False)
