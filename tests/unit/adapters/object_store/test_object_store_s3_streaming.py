"""Amazon's own example of a body that is signed piece by piece."""

import pytest

pytest.importorskip("aiobotocore", reason="needs the extra s3")

from mediakiln.adapters.object_store.cloud.s3.streaming import PIECE, Frames, SignedStream


def test_frames_have_the_signatures_of_amazons_example() -> None:
    frames = Frames(
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        time="20130524T000000Z",
        scope="20130524/us-east-1/s3/aws4_request",
        seed="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    )
    pieces = (b"a" * 65_536, b"a" * 1024, b"")
    heads = [frames.frame(piece).partition(b"\r\n")[0].decode() for piece in pieces]
    assert heads == [
        "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 77])
def test_the_announced_length_is_that_of_all_frames(size: int) -> None:
    stream = SignedStream(
        "https://media.s3.amazonaws.com/a%20key",
        {"partNumber": "7", "uploadId": "a+b/c="},
        size,
        {
            "access_key_id": "key",
            "secret_access_key": "secret",
            "token": "token",
            "expires_at": None,
        },
        "eu-central-1",
    )
    pieces = [b"x" * min(PIECE, size - start) for start in range(0, size, PIECE)]
    body = b"".join(stream.frames.frame(piece) for piece in [*pieces, b""])
    assert stream.headers["Content-Length"] == str(len(body)) == str(stream.size)
    assert stream.headers["X-Amz-Decoded-Content-Length"] == str(size)
    assert stream.headers["X-Amz-Content-SHA256"] == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    assert stream.headers["X-Amz-Security-Token"] == "token"
    assert stream.url.endswith("/a%20key?partNumber=7&uploadId=a%2Bb%2Fc%3D")
    assert "x-amz-decoded-content-length" in stream.headers["Authorization"]
