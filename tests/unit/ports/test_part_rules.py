"""What parts engines take, by arithmetic."""

import pytest

from mediakiln.model.errors import InvalidPart
from mediakiln.ports.multipart import Part, PartRules

_MIB = 1 << 20
S3 = PartRules(min_bytes=5 * _MIB, max_bytes=5 << 30, max_parts=10_000, max_object_bytes=5 << 40)


def _parts(*sizes: int) -> list[Part]:
    return [Part(number, size, "e") for number, size in enumerate(sizes, start=1)]


def test_an_object_of_the_largest_size_in_the_most_parts_is_taken() -> None:
    size = -(-S3.max_object_bytes // S3.max_parts)
    sizes = [size] * 9_999
    sizes.append(S3.max_object_bytes - sum(sizes))
    assert S3.check_all(_parts(*sizes)) == 5 << 40
    sizes[-1] += 1
    with pytest.raises(InvalidPart):
        S3.check_all(_parts(*sizes))


@pytest.mark.parametrize(
    "parts",
    [
        [],
        _parts(5 * _MIB - 1, 5 * _MIB),
        _parts(5 * _MIB, 1, 1),
        _parts(5 * _MIB)[::-1] * 2,
        _parts(5 * _MIB, 5 * _MIB)[::-1],
        _parts((5 << 30) + 1),
        _parts(0),
        [Part(10_001, 5, "e")],
    ],
)
def test_parts_of_which_no_object_can_be_made_are_refused(parts: list[Part]) -> None:
    with pytest.raises(InvalidPart):
        S3.check_all(parts)


def test_only_the_last_part_may_be_small() -> None:
    assert S3.check_all(_parts(1)) == 1
    assert S3.check_all(_parts(5 * _MIB, 1)) == 5 * _MIB + 1


def test_an_engine_that_must_know_sizes_refuses_a_part_without_one() -> None:
    with pytest.raises(InvalidPart):
        S3.check(1, offset=0, size=None)
    S3.check(1, offset=0, size=1)
