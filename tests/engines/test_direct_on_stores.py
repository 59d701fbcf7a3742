"""`direct=1` on a store with addresses of its own."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from blake3 import blake3

from support import media
from support.deployments import urls_of
from support.google import service_account, tokens
from support.platform import Platform, platform

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("s3"), pytest.mark.timeout(300)]


@pytest.fixture(params=["s3", "gcs", "azure"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    """A platform whose objects are in a cloud's store."""
    urls = urls_of(f"embedded+{request.param}+embedded")
    with tokens() as token_uri:
        if request.param == "gcs":
            account = tmp_path / "account.json"
            service_account(account, token_uri)
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
            urls["STORE"] = urls["STORE"].removesuffix("&anonymous=true")
        with platform(tmp_path, settings=urls) as made:
            yield made


def test_a_download_is_sent_to_the_store_itself(site: Platform) -> None:
    photo = media.jpeg(3)
    with site.client() as client:
        asset = client.wait(client.submit(photo, name="büro.jpg").id, timeout=60)
    product = asset.products[0]
    for path, checksum, disposition in (
        (f"/v1/assets/{asset.id}/original?direct=1", blake3(photo).hexdigest(), None),
        (f"/v1/assets/{asset.id}/original?direct=1&download=1", blake3(photo).hexdigest(), "büro"),
        (f"{urlsplit(product.url).path}?direct=1", product.checksum.partition(":")[2], None),
    ):
        sent = httpx2.get(site.url + path, trust_env=False)
        assert sent.status_code == 307
        assert sent.headers["cache-control"] == "private, no-store"
        assert urlsplit(sent.headers["location"]).netloc != urlsplit(site.url).netloc
        found = httpx2.get(sent.headers["location"], trust_env=False)
        assert blake3(found.content).hexdigest() == checksum
        assert found.headers["content-type"].startswith("image/")
        if disposition:
            assert found.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("site", ["s3"], indirect=True)
def test_a_direct_address_does_not_outlive_its_signature(site: Platform) -> None:
    with site.client() as client:
        asset = client.wait(client.submit(media.jpeg(4), name="a.jpg").id, timeout=60)
    path = f"{site.url}/v1/assets/{asset.id}/original?direct=1"
    location = httpx2.get(path, trust_env=False).headers["location"]
    assert (
        httpx2.get(
            location.replace("X-Amz-Expires=900", "X-Amz-Expires=901"), trust_env=False
        ).status_code
        == 403
    )
    assert httpx2.head(path, trust_env=False).status_code == 200
