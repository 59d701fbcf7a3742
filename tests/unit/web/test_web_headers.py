"""The pieces of delivery that are pure."""

import pytest

from mediakiln.model.deliverable import Deliverable
from mediakiln.model.keys import Bucket
from mediakiln.stages.deliver import Deliver
from mediakiln.web.delivery.contents import Contents
from mediakiln.web.delivery.headers import announce, disposition
from mediakiln.web.delivery.ranges import Span, Unsatisfiable, parse_ranges
from support.site import Site, a_text, publish


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("photo.jpg", 'inline; filename="photo.jpg"'),
        ("Größe.jpg", "inline; filename=\"Groe.jpg\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.jpg"),
        ("雪.jpg", "inline; filename=\"file.jpg\"; filename*=UTF-8''%E9%9B%AA.jpg"),
        ("雪", "inline; filename=\"file\"; filename*=UTF-8''%E9%9B%AA"),
        ('a"b\\c.txt', "inline; filename=\"a_b_c.txt\"; filename*=UTF-8''a%22b%5Cc.txt"),
        ("a\r\nSet-Cookie: x", 'inline; filename="aSet-Cookie: x"'),
        ("a;b%41.txt", "inline; filename=\"a_b_41.txt\"; filename*=UTF-8''a%3Bb%2541.txt"),
        ("gpj\u202eexe", 'inline; filename="gpjexe"'),
    ],
)
def test_a_name_survives_in_its_header_and_does_nothing_else(name: str, value: str) -> None:
    given = disposition(name, inline=True)
    assert given == value
    assert given.isascii()
    assert given.isprintable()


def test_ranges_of_an_empty_file_cannot_be_had() -> None:
    with pytest.raises(Unsatisfiable):
        parse_ranges("bytes=0-", 0)


def test_ranges_keep_their_order_unless_they_meet() -> None:
    assert parse_ranges("bytes=50-59,0-9", 100) == [Span(50, 60), Span(0, 10)]
    assert parse_ranges("bytes=50-59,0-9,55-70", 100) == [Span(0, 10), Span(50, 71)]


async def test_memory_for_popular_files_is_bounded(site: Site) -> None:
    deliver = Deliver(site.world.catalog, site.world.store, fresh_s=0)
    contents = Contents(deliver, max_kept=2500)
    asset = await site.world.upload(a_text())
    items = []
    for step in ("a", "b", "c"):
        await publish(site.world, asset.id, step, {"x.txt": a_text(1000) + step.encode()})
        items.append(await deliver.product(asset.id, step))
    for item in items:
        async with contents.open(item):
            pass
    assert [contents.at_hand(item) is not None for item in items] == [False, True, True]


@pytest.mark.parametrize("download", [True, False])
@pytest.mark.parametrize("public", [True, False])
def test_a_drawing_is_never_active(*, public: bool, download: bool) -> None:
    item = Deliverable(
        Bucket.INPUT, "k", 9, "e", "image/svg+xml", "x.svg", immutable=True, path=None
    )
    told = dict(announce(item, public=public, download=download, pinned=False))
    assert told[b"content-disposition"].startswith(b"attachment;")
    assert told[b"x-content-type-options"] == b"nosniff"
    policy = told[b"content-security-policy"].decode().split("; ")
    assert {"default-src 'none'", "sandbox"} <= set(policy)
