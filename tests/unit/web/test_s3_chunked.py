"""Bodies in chunks that are signed one by one, by the example of Amazon's documentation."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from mediakiln.model.errors import ChecksumMismatch, IncompleteUpload
from mediakiln.stages.uploads.s3.hashing import Hashed
from mediakiln.web.s3.chunked import SIGNED, UNSIGNED_TRAILER, Chunked
from mediakiln.web.s3.errors import S3Error
from mediakiln.web.s3.sigv4 import Claim, Verified, signing_key

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CLAIM = Claim(
    access_key="AKIAIOSFODNN7EXAMPLE",
    day="20130524",
    region="us-east-1",
    signed=("host",),
    signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    moment=datetime(2013, 5, 24, tzinfo=UTC),
    payload=SIGNED,
)
FIRST = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
SECOND = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
LAST = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"


def verified() -> Verified:
    return Verified(CLAIM, signing_key(SECRET, CLAIM.day, CLAIM.region))


def encoded(first: str = FIRST, second: str = SECOND, last: str = LAST) -> bytes:
    return (
        f"10000;chunk-signature={first}\r\n".encode()
        + b"a" * 65_536
        + f"\r\n400;chunk-signature={second}\r\n".encode()
        + b"a" * 1024
        + f"\r\n0;chunk-signature={last}\r\n\r\n".encode()
    )


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.mark.parametrize("size", [7, 1000, 65_536, 1_000_000])
async def test_the_documentations_example_is_read(size: int) -> None:
    body = Chunked(pieces(encoded(), size), SIGNED, verified())
    assert b"".join([piece async for piece in body]) == b"a" * 66_560


@pytest.mark.parametrize(
    "data",
    [
        encoded(first="0" * 64),
        encoded(second="0" * 64),
        encoded(last="0" * 64),
        encoded().replace(b"aa\r\n400", b"ab\r\n400"),
        encoded().replace(b";chunk-signature=" + SECOND.encode(), b""),
        encoded().replace(b"10000;", b"zz;"),
        encoded().replace(b"\r\n400;", b"x\r\n400;"),
        b"1" * 5000,
    ],
)
async def test_what_was_changed_on_the_way_is_refused(data: bytes) -> None:
    with pytest.raises(S3Error):
        async for _ in Chunked(pieces(data, 1000), SIGNED, verified()):
            pass


@pytest.mark.parametrize("kept", [10, 500, 65_700, 66_800])
async def test_a_body_that_ends_in_the_middle_is_incomplete(kept: int) -> None:
    with pytest.raises(IncompleteUpload):
        async for _ in Chunked(pieces(encoded()[:kept], 1000), SIGNED, verified()):
            pass


@pytest.mark.parametrize(("digest", "right"), [("AAAAAA==", False), ("NhCmhg==", True)])
async def test_a_digest_behind_the_body_counts(digest: str, right: bool) -> None:
    """The CRC32 of `hello`."""
    data = f"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{digest}\r\n\r\n".encode()
    body = Chunked(pieces(data, 3), UNSIGNED_TRAILER, None)
    hashed = Hashed(aiter(body), announced={}, expected=frozenset({"crc32"}), size=5)
    body.hashed = hashed
    if right:
        assert b"".join([piece async for piece in hashed]) == b"hello"
        return
    with pytest.raises(ChecksumMismatch):
        async for _ in hashed:
            pass
