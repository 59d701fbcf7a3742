"""imgproxy's addresses over HTTP: signatures, sources, what is answered."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mediakiln.model.errors import FetchRefused
from mediakiln.ports.fetcher import Fetched
from mediakiln.web.derive.imgproxy.door import ImgproxyRules
from mediakiln.web.derive.imgproxy.origins import Origins
from support import media
from support.gallery import Gallery

PAIR = (b"a key", b"a salt")


class Elsewhere:
    """Another site with one image."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    @asynccontextmanager
    async def open(self, url: str, *, max_bytes: int) -> AsyncIterator[Fetched]:
        """The image, or nothing."""
        self.asked.append(url)
        if not url.endswith("/cat.jpg"):
            raise FetchRefused("the server answered 404", url=url)

        async def chunks() -> AsyncIterator[bytes]:
            data = media.jpeg()
            assert len(data) <= max_bytes
            yield data

        yield Fetched(chunks=chunks(), name="cat.jpg")

    def check(self, url: str) -> None:
        """Refuse one host."""
        if "//forbidden" in url:
            raise FetchRefused("not there", url=url)

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
async def proxy(open_gallery: Callable[..., Awaitable[Gallery]], elsewhere: Elsewhere) -> Gallery:
    allowed = ["https://images.example/cats", "https://forbidden.example"]
    origins = Origins(elsewhere, allowed, max_bytes=10**6, project="default")
    presets = {"small": "rs:fit:20:20"}
    rules = ImgproxyRules(keys=[PAIR], presets=presets, origins=origins)
    return await open_gallery(imgproxy=rules)


def signed(path: str, pair: tuple[bytes, bytes] = PAIR) -> str:
    digest = hmac.new(pair[0], pair[1] + path.encode(), hashlib.sha256).digest()
    return f"/imgproxy/{base64.urlsafe_b64encode(digest).decode().rstrip('=')}{path}"


async def asked(proxy: Gallery, path: str, **headers: str) -> Any:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return await proxy.site.http.get(signed(path), headers=told)


async def test_an_asset_is_a_source_plain_or_encoded(proxy: Gallery) -> None:
    id = proxy.asset.id
    code = base64.urlsafe_b64encode(f"asset://{id}".encode()).decode().rstrip("=")
    for source in (f"plain/{id}@webp", f"plain/asset://{id}@webp", f"{code}.webp"):
        answer = await asked(proxy, f"/pr:small/{source}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/webp"
        assert json.loads(answer.content)["steps"][0]["width"] == 20
    assert len(proxy.painter.tasks) == 1, "three addresses of one image"


async def test_a_file_elsewhere_is_fetched_once(proxy: Gallery, elsewhere: Elsewhere) -> None:
    for width in (10, 20):
        answer = await asked(proxy, f"/w:{width}/plain/https://images.example/cats/cat.jpg")
        assert answer.status_code == 200, answer.text
    assert elsewhere.asked == ["https://images.example/cats/cat.jpg"]
    assert answer.headers["surrogate-key"].startswith("at-")


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ("https://images.example/catsandmore/cat.jpg", 400, "invalid_request"),
        ("https://images.example/cats/%2E%2E/secret/cat.jpg", 400, "invalid_request"),
        ("https://user:pass@images.example/cats/cat.jpg", 400, "invalid_request"),
        ("https://elsewhere.example/cat.jpg", 400, "invalid_request"),
        ("file:///etc/passwd", 400, "invalid_request"),
        ("local:///cat.jpg", 400, "invalid_request"),
        ("https://forbidden.example/cat.jpg", 422, "fetch_refused"),
        ("https://images.example/cats/none.jpg", 422, "fetch_refused"),
        ("01a1ff0b-3449-7294-ad03-682a5a06032c", 404, "not_found"),
    ],
)
async def test_other_sources_are_refused(
    proxy: Gallery, source: str, status: int, code: str
) -> None:
    answer = await asked(proxy, f"/w:10/plain/{source}@png")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_only_the_right_signature_opens(proxy: Gallery) -> None:
    http, path = proxy.site.http, f"/w:10/plain/{proxy.asset.id}"
    for address, code in (
        (signed(path, (b"other", b"a salt")), "signature_invalid"),
        (signed(path).replace("w:10", "w:11"), "signature_invalid"),
        (f"/imgproxy/unsafe{path}", "signature_missing"),
    ):
        answer = await http.get(address)
        assert (answer.status_code, answer.json()["code"]) == (403, code)


async def test_an_address_says_how_its_image_is_handed_over(proxy: Gallery) -> None:
    id = proxy.asset.id
    answer = await asked(proxy, f"/fn:kitten/att:1/cb:2/f:png/plain/{id}")
    assert answer.headers["content-disposition"] == 'attachment; filename="kitten.png"'
    assert "immutable" in answer.headers["cache-control"]
    raw = await asked(proxy, f"/raw:1/plain/{id}")
    assert raw.content == media.jpeg()
    skipped = await asked(proxy, f"/w:10/skp:jpg/plain/{id}")
    assert skipped.content == media.jpeg()
    assert (await asked(proxy, f"/exp:100/plain/{id}")).status_code == 410


async def test_a_wrong_option_is_named(proxy: Gallery) -> None:
    answer = await asked(proxy, f"/rs:stretch/plain/{proxy.asset.id}")
    assert (answer.status_code, answer.json()["field"]) == (400, "rs")
    assert "fill-down" in answer.json()["allowed"]
    assert (await asked(proxy, f"/w:10/plain/{proxy.asset.id}@bmp")).status_code == 400
