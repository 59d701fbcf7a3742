import pytest

from mediakiln.model import errors
from mediakiln.web.portal import words


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (100_000_000, "100 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes_have_three_digits(count: int, told: str) -> None:
    assert words.size(count) == told


@pytest.mark.parametrize(
    ("value", "told"), [(0.0123, "12 ms"), (0.0951, "0.1 s"), (2.44, "2.4 s"), (1234.0, "1,234 s")]
)
def test_spans_are_short(value: float, told: str) -> None:
    assert words.seconds(value) == told


@pytest.mark.parametrize(
    ("value", "told"), [(2.6, "0:03"), (59.6, "1:00"), (3599.9, "1:00:00"), (3723, "1:02:03")]
)
def test_playing_times_read_like_clocks(value: float, told: str) -> None:
    assert words.clock(value) == told


def test_facts_are_told_in_words() -> None:
    metadata = {
        "width": 640,
        "height": 360,
        "duration_s": 3.0,
        "fps": 25.0,
        "channels": 2,
        "sample_rate": 44100,
        "pages": 1,
        "frames": 1,
        "points": 0,
        "extents": [0.201, 0.338, 2],
        "units": "meters",
        "unknown": "left out",
    }
    assert words.facts(metadata) == [
        "640 × 360",  # noqa: RUF001 - the sign of dimensions
        "0:03",
        "25 fps",
        "stereo",
        "44.1 kHz",
        "1 page",
        "0.201 × 0.338 × 2 m",  # noqa: RUF001 - the sign of dimensions
    ]


def test_hints_are_for_codes_that_exist() -> None:
    codes = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.MediakilnError)
    }
    assert set(words.HINTS) <= codes


@pytest.mark.parametrize(
    "metadata",
    [
        {"count": 1, "faces": [{"box": {"left": 1, "top": 1, "width": 9, "height": 9}}]},
        {"frames": [1, 2], "pages": "two", "channels": {"red": 8}, "time_s": None, "fps": True},
        {"duration_s": "long", "sample_rate": [], "video_codec": {"name": "av1"}},
        {"extents": 3, "units": "meters"},
        {"extents": ["a", None]},
    ],
)
def test_what_is_no_number_or_text_is_left_out(metadata: dict[str, object]) -> None:
    assert words.facts(metadata) == []
