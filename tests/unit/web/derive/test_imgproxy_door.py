"""imgproxy's addresses over HTTP: signatures, sources, what is answered."""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import obstore
import pytest
from obstore.store import MemoryStore

from mediakiln.adapters.fetcher.bucket import BucketPlace
from mediakiln.adapters.fetcher.folder import FolderPlace
from mediakiln.model.access import Scope
from mediakiln.model.errors import FetchRefused
from mediakiln.ports.fetcher import Fetched
from mediakiln.roles.imgproxy import beginnings
from mediakiln.web.derive.imgproxy.door import ImgproxyRules
from mediakiln.web.derive.imgproxy.origins import Origins, Shelf
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
async def shelves(tmp_path: Path) -> list[Shelf]:
    """A bucket with a prefix, and a folder with a way out of it."""
    bucket, folder = MemoryStore(), tmp_path / "folder"
    await obstore.put_async(bucket, "public/a/cat é.jpg", media.jpeg())
    await obstore.put_async(bucket, "secret/cat.jpg", media.jpeg())
    folder.mkdir()
    for name in ("cat.jpg", ".cat.jpg"):
        (folder / name).write_bytes(media.jpeg())
    (tmp_path / "secret.jpg").write_bytes(media.jpeg())
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return [
        Shelf(beginnings("s3://key:secret@photos/public?region=x"), BucketPlace(bucket, "public/")),
        Shelf(beginnings(f"file://{folder}"), FolderPlace(folder), hidden=False),
    ]


@pytest.fixture
async def proxy(
    open_gallery: Callable[..., Awaitable[Gallery]], elsewhere: Elsewhere, shelves: list[Shelf]
) -> Gallery:
    allowed = ["https://images.example/cats", "https://forbidden.example"]
    origins = Origins(elsewhere, allowed, shelves=shelves, max_bytes=10**6, project="default")
    rules = ImgproxyRules(
        keys=[PAIR],
        presets={"small": "rs:fit:20:20"},
        origins=origins,
        base_url="https://images.example/",
        auto_format=True,
    )
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


async def test_a_file_in_a_bucket_or_folder_is_a_source(proxy: Gallery) -> None:
    for source in ("s3://photos/public/a/cat%20%C3%A9.jpg", "local:///cat.jpg"):
        answer = await asked(proxy, f"/w:10/plain/{source}@png")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["surrogate-key"].startswith("at-")
        raw = await asked(proxy, f"/raw:1/plain/{source}")
        assert (raw.content, raw.headers["content-type"]) == (media.jpeg(), "image/jpeg")


async def test_an_address_elsewhere_may_have_spaces(proxy: Gallery, elsewhere: Elsewhere) -> None:
    address = "https://images.example/cats/a%20b/cat.jpg"
    code = base64.urlsafe_b64encode(address.replace("%20", " ").encode()).decode().rstrip("=")
    for source in (f"plain/{address}", f"plain/{address.replace('%', '%25')}", code):
        assert (await asked(proxy, f"/w:10/{source}")).status_code == 200
    assert elsewhere.asked == [address]


async def test_what_is_no_whole_address_follows_the_base(
    proxy: Gallery, elsewhere: Elsewhere
) -> None:
    for source in ("cats/cat.jpg", "https://images.example/cats/cat.jpg"):
        assert (await asked(proxy, f"/w:10/plain/{source}")).status_code == 200
    assert elsewhere.asked == ["https://images.example/cats/cat.jpg"]
    code = base64.urlsafe_b64encode(b"cats/cat.jpg").decode().rstrip("=")
    assert (await asked(proxy, f"/w:10/{code}.png")).status_code == 200
    assert (await asked(proxy, f"/w:10/plain/{proxy.asset.id}")).status_code == 200


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://photos", ("s3://photos/",)),
        ("s3://KEY:SE%2FCRET@photos/a/b/?endpoint=http://x", ("s3://photos/a/b/",)),
        ("gs://shelf/x%20y", ("gs://shelf/x y/",)),
        ("az://:KEY@account/box/in", ("az://account/box/in/", "abs://box/in/")),
        ("file:///srv/media", ("local:///",)),
    ],
)
def test_a_place_is_named_without_what_is_secret(url: str, expected: tuple[str, ...]) -> None:
    assert beginnings(url) == expected


REFUSED = [
    ("https://images.example/catsandmore/cat.jpg", 400, "invalid_request"),
    ("https://images.example/cats/%2E%2E/secret/cat.jpg", 400, "invalid_request"),
    ("https://images.example/cats/%252e%252E/secret/cat.jpg", 400, "invalid_request"),
    ("https://images.example/cats/a%255C..%255Csecret/cat.jpg", 400, "invalid_request"),
    ("https://images.example/cats/..;a/secret/cat.jpg", 400, "invalid_request"),
    ("https://images.example.evil/cats/cat.jpg", 400, "invalid_request"),
    ("https://images.example:8080/cats/cat.jpg", 400, "invalid_request"),
    ("HTTPS://images.example/cats/cat.jpg", 400, "invalid_request"),
    ("//images.example/cats/cat.jpg", 400, "invalid_request"),
    ("https://user:pass@images.example/cats/cat.jpg", 400, "invalid_request"),
    ("https://elsewhere.example/cat.jpg", 400, "invalid_request"),
    ("file:///etc/passwd", 400, "invalid_request"),
    ("s3://photos/secret/cat.jpg", 400, "invalid_request"),
    ("s3://photos/public/%2e%2e/secret/cat.jpg", 400, "invalid_request"),
    ("s3://photos/publicity/cat.jpg", 400, "invalid_request"),
    ("s3://other/public/cat.jpg", 400, "invalid_request"),
    ("s3://photos/public/none.jpg", 422, "fetch_refused"),
    ("gs://photos/public/cat.jpg", 400, "invalid_request"),
    ("local:///none.jpg", 422, "fetch_refused"),
    ("local:///.cat.jpg", 400, "invalid_request"),
    ("local:///link.jpg", 422, "fetch_refused"),
    ("local:///%2e%2e/secret.jpg", 400, "invalid_request"),
    ("cat.jpg", 400, "invalid_request"),
    ("https://forbidden.example/cat.jpg", 422, "fetch_refused"),
    ("https://images.example/cats/none.jpg", 422, "fetch_refused"),
    ("01a1ff0b-3449-7294-ad03-682a5a06032c", 404, "not_found"),
]


async def test_other_sources_are_refused(proxy: Gallery) -> None:
    for source, status, code in REFUSED:
        answer = await asked(proxy, f"/w:10/plain/{source}@png")
        assert (source, answer.status_code, answer.json()["code"]) == (source, status, code)


async def test_a_key_of_another_project_reads_no_files_elsewhere(
    proxy: Gallery, elsewhere: Elsewhere
) -> None:
    services = proxy.site.services.access
    await services.projects.create("other", by="owner")
    for project, status in (("other", 403), ("default", 200)):
        _, key = await services.keys.create("k", project=project, scopes=[Scope.READ], by="owner")
        for source in ("https://images.example/cats/cat.jpg", "local:///cat.jpg"):
            answer = await proxy.site.http.get(
                f"/imgproxy/_/w:10/plain/{source}@png", headers={"Authorization": f"Bearer {key}"}
            )
            assert answer.status_code == status
            if status == 403:
                assert answer.json()["code"] == "forbidden"
                assert elsewhere.asked == []


async def test_a_file_elsewhere_has_a_tag_that_tells_and_breaks_nothing(
    proxy: Gallery, tmp_path: Path
) -> None:
    tags = set()
    for name in ("cat.jpg", 'a"b.jpg', "a\r\nX-Evil: 1\r\n.jpg", "é:1", "ü:1"):
        (tmp_path / "folder" / name).write_bytes(media.jpeg())
        answer = await asked(proxy, f"/raw:1/plain/local:///{quote(name)}")
        assert answer.status_code == 200
        assert "x-evil" not in answer.headers
        assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["etag"])
        tags.add(answer.headers["etag"])
    assert len(tags) == 5


async def test_a_format_that_is_not_named_is_the_clients_choice(proxy: Gallery) -> None:
    id, accept = proxy.asset.id, "image/webp,*/*;q=0.8"
    answer = await asked(proxy, f"/w:10/plain/{id}", accept=accept)
    assert answer.headers["content-type"] == "image/webp"
    assert "Accept" in answer.headers["vary"]
    named = await asked(proxy, f"/w:10/plain/{id}@png", accept=accept)
    assert named.headers["content-type"] == "image/png"
    assert "vary" not in named.headers


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
    assert (await asked(proxy, f"/raw:1/plain/{id}@bmp")).content == media.jpeg()
    assert (await asked(proxy, f"/exp:100/plain/{id}")).status_code == 410
    soon = int(time.time()) + 600
    dated = await asked(proxy, f"/exp:{soon}/cb:3/w:10/plain/{id}")
    assert 0 < int(dated.headers["cache-control"].split("max-age=")[1].split(",")[0]) <= 600


async def test_formats_that_are_skipped_stay_as_they_are(proxy: Gallery) -> None:
    for source in (proxy.asset.id, "local:///cat.jpg"):
        for options in ("skp:png:jpg", "skp:jpg/f:jpg"):
            assert (await asked(proxy, f"/w:10/{options}/plain/{source}")).content == media.jpeg()
        for options in ("skp:svg/skp:png", "skp:jpg/f:png"):
            answer = await asked(proxy, f"/w:10/{options}/plain/{source}")
            assert answer.status_code == 200
            assert answer.content != media.jpeg()


async def test_sizes_that_depend_on_the_source_are_worked_out_from_it(proxy: Gallery) -> None:
    answer = await asked(proxy, f"/rs:fill:96:32/dpr:2/plain/{proxy.asset.id}@png")
    crop = json.loads(answer.content)["steps"][-1]
    assert (crop["op"], crop["width"], crop["height"]) == ("image.crop", 96, 32)


async def test_what_is_not_turned_upright_is_sized_as_it_is_stored(proxy: Gallery) -> None:
    proxy.painter.painted = (64, 96)
    answer = await asked(proxy, f"/ar:0/z:0.5/plain/{proxy.asset.id}@png")
    resize = json.loads(answer.content)["steps"][-1]
    assert (resize["width"], resize["height"]) == (32, 48)


async def test_a_wrong_option_is_named(proxy: Gallery) -> None:
    answer = await asked(proxy, f"/rs:stretch/plain/{proxy.asset.id}")
    assert (answer.status_code, answer.json()["field"]) == (400, "rs")
    assert "fill-down" in answer.json()["allowed"]
    assert (await asked(proxy, f"/w:10/plain/{proxy.asset.id}@bmp")).status_code == 400
