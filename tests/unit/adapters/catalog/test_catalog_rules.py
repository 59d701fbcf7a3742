from datetime import UTC, datetime, timedelta, timezone

import pytest

from mediakiln.adapters.catalog import rules
from mediakiln.model.errors import InvalidRequest


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:00:00+00:00",
        "1969-12-31T23:59:59.999999+00:00",
        "2286-11-20T17:46:39.999999+00:00",
        "9999-12-31T23:59:59.999999+00:00",
    ],
)
def test_times_keep_their_microseconds(text: str) -> None:
    at = datetime.fromisoformat(text)
    assert rules.moment(rules.micros(at)) == at
    assert rules.moment(rules.micros(at)).tzinfo is UTC


def test_a_time_of_another_zone_is_the_same_instant() -> None:
    east = datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert rules.moment(rules.micros(east)) == datetime(2030, 1, 1, tzinfo=UTC)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        rules.micros(datetime(2030, 1, 1))  # noqa: DTZ001 - what is refused


def test_shards_are_the_same_in_every_process_and_release() -> None:
    assert [rules.shard_of(f"asset-{n}", 4) for n in range(8)] == [1, 3, 1, 3, 0, 2, 0, 2]


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("", None),
        ("a", "b"),
        ("a%", "a&"),
        ("\ud7ff", "\ue000"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", None),
    ],
)
def test_the_end_of_a_prefix_is_the_next_text_above_it(prefix: str, end: str | None) -> None:
    assert rules.after_prefix(prefix) == end
