"""Sources elsewhere: who is asked for them."""

import pytest
from obstore.store import MemoryStore

from mediakiln.adapters.fetcher.bucket import BucketPlace
from mediakiln.adapters.fetcher.http import HttpFetcher
from mediakiln.roles.imgproxy import beginnings
from mediakiln.web.derive.imgproxy.origins import Origins, Shelf


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://images.example/a.jpg", "images.example"),
        ("https://IMAGES.example./b.jpg?x=1", "images.example"),
        ("https://images.example:8443/b.jpg", "images.example"),
        ("https://Bücher.example/c.jpg", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example/c.jpg", "xn--bcher-kva.example"),
        ("https://[2001:db8::1]/c.jpg", "2001:db8::1"),
        ("s3://photos/public/a.jpg", "s3://photos/public/"),
    ],
)
async def test_a_source_says_who_is_asked_for_it(address: str, origin: str) -> None:
    place = BucketPlace(MemoryStore(), "public/")
    shelf = Shelf(beginnings("s3://key:secret@photos/public"), place)
    fetcher = HttpFetcher(ports={443, 8443})
    origins = Origins(fetcher, ["https://"], shelves=[shelf], max_bytes=1, project="default")
    assert origins.source(address).origin == origin
    await fetcher.close()
