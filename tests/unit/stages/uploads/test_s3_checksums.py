"""Checksums of bodies and of objects of parts, by what S3's own guide and other programs give."""

import base64
import random

import pytest

from mediakiln.model.errors import ChecksumMismatch, InvalidRequest
from mediakiln.stages.uploads.s3.checksums import (
    KNOWN,
    Checksum,
    Chosen,
    Kind,
    choose,
    digest_of,
    of_parts,
)


def value_of(algorithm: str, data: bytes) -> str:
    digest = digest_of(algorithm)
    for start in range(0, len(data), 7):
        digest.update(data[start : start + 7])
    return base64.b64encode(digest.digest()).decode()


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [  # the catalogue of parametrised CRC algorithms: `check` of each
        ("crc32", "cbf43926"),
        ("crc32c", "e3069283"),
        ("crc64nvme", "ae8b14860a799888"),
        ("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
    ],
)
def test_the_check_value_of_each_algorithm_comes_out(algorithm: str, value: str) -> None:
    assert base64.b64decode(value_of(algorithm, b"123456789")).hex() == value


@pytest.mark.parametrize("algorithm", ["crc32", "crc32c", "crc64nvme"])
def test_the_checksum_of_a_whole_follows_from_its_parts(algorithm: str) -> None:
    data = random.Random(1).randbytes(1000)  # noqa: S311 - no secret
    cuts = [data[:500], data[500:999], data[999:]]
    parts = [(value_of(algorithm, cut), len(cut)) for cut in cuts]
    found = of_parts(Chosen(algorithm=algorithm, kind=Kind.FULL), parts)
    assert found.value == value_of(algorithm, data)


@pytest.mark.parametrize("algorithm", sorted(KNOWN - {"crc64nvme"}))
def test_a_composite_checksum_is_of_the_parts_checksums(algorithm: str) -> None:
    parts = [value_of(algorithm, cut) for cut in (b"a" * 100, b"b")]
    chosen = choose(algorithm.upper(), "COMPOSITE")
    assert chosen is not None
    found = of_parts(chosen, [(parts[0], 100), (parts[1], 1)])
    joined = b"".join(base64.b64decode(each) for each in parts)
    assert found.value == value_of(algorithm, joined) + "-2"
    found.check(found)
    found.model_copy(update={"value": found.value.partition("-")[0]}).check(found)
    for wrong in ("AAAA", found.value.partition("-")[0] + "-3"):
        with pytest.raises(ChecksumMismatch):
            found.model_copy(update={"value": wrong}).check(found)


@pytest.mark.parametrize(
    ("algorithm", "kind", "chosen"),
    [
        (None, None, None),
        ("CRC32", None, Kind.COMPOSITE),
        ("CRC32C", "FULL_OBJECT", Kind.FULL),
        ("CRC64NVME", None, Kind.FULL),
        ("SHA256", "COMPOSITE", Kind.COMPOSITE),
    ],
)
def test_each_algorithm_has_its_usual_kind(
    algorithm: str | None, kind: str | None, chosen: Kind | None
) -> None:
    found = choose(algorithm, kind)
    assert (None if found is None else found.kind) == chosen


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC64NVME", "COMPOSITE"),
        ("SHA256", "FULL_OBJECT"),
        ("CRC32", "OTHER"),
        ("XXHASH128", None),
        (None, "COMPOSITE"),
    ],
)
def test_what_no_object_can_have_is_refused(algorithm: str | None, kind: str | None) -> None:
    with pytest.raises(InvalidRequest):
        choose(algorithm, kind)


def test_parts_without_the_checksum_prove_nothing_of_the_whole() -> None:
    wanted = Checksum(algorithm="crc32", kind=Kind.FULL, value="AAAA")
    with pytest.raises(InvalidRequest, match="without crc32"):
        of_parts(wanted, [(value_of("crc32", b"a"), 1), (None, 1)])
