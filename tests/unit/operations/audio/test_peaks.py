"""Peaks are exact at every block size, however the samples arrive."""

from io import BytesIO

import numpy as np
import pytest

from mediakiln.operations.audio.peaks import Peaks, measure


def _noise(count: int, channels: int) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    values = np.random.default_rng(3).integers(-32768, 32768, (count, channels))
    return values.astype(np.int16)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("count", "chunk"),
    [(1, 1), (15, 1), (16, 1), (17, 1), (1000, 1), (1000, 77), (4096, 5000), (99_991, 77)],
)
def test_points_are_the_extremes_of_their_samples(count: int, channels: int, chunk: int) -> None:
    samples = _noise(count, channels)
    peaks = Peaks(channels, 16)
    for start in range(0, count, chunk):
        peaks.add(samples[start : start + chunk])
    low, high, span = peaks.reduce()
    starts = np.arange(0, count, span)
    assert np.array_equal(low, np.minimum.reduceat(samples, starts))
    assert np.array_equal(high, np.maximum.reduceat(samples, starts))
    assert len(low) <= 16
    assert peaks.samples == count


def test_long_sounds_use_most_of_the_points() -> None:
    for count in (1000, 12_345, 100_000):
        peaks = Peaks(1, 64)
        peaks.add(_noise(count, 1))
        low, _, _ = peaks.reduce()
        assert len(low) >= 64 * 8 // 9


def test_memory_is_bounded_by_the_points() -> None:
    peaks = Peaks(1, 16)
    for _ in range(300):
        peaks.add(_noise(10_000, 1))
    kept = sum(len(block) for block in peaks._low)
    assert kept <= 16 * 16


def test_no_sound_has_no_points() -> None:
    low, high, _ = measure(BytesIO(b""), 2, 100).reduce()
    assert low.shape == high.shape == (0, 2)


def test_half_a_frame_at_the_end_is_left_out() -> None:
    peaks = measure(BytesIO(_noise(100, 2).tobytes() + b"\x01"), 2, 10)
    assert peaks.samples == 100
