"""Transcoded sound keeps its length, its pitch and its loudness."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden.av_samples import clip, tone
from mediakiln.model.errors import BadMedia, InvalidRecipe
from mediakiln.operations.audio.transcode import transcode
from mediakiln.operations.av import program
from mediakiln.ports.operation import Context

WAV = Context("audio/wav")
RATE = 44_100


def _samples(path: Path) -> np.ndarray[Any, Any]:
    """Mono samples, 1.0 being full scale."""
    raw = ["-f", "s16le", "-ac", "1", "-ar", str(RATE)]
    with program.stream(["-i", f"file:{path}", "-vn", *raw]) as pcm:
        data = pcm.read()
    return np.frombuffer(data, "<i2").astype(float) / 32768


def _pitch(samples: np.ndarray[Any, Any]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * RATE / len(samples))


@pytest.mark.parametrize(
    ("params", "suffix"),
    [
        ({"format": "mp3"}, "mp3"),
        ({"format": "m4a"}, "m4a"),
        ({"format": "opus"}, "opus"),
        ({"format": "flac"}, "flac"),
        ({"format": "flac", "bit_depth": 24}, "flac"),
        ({"format": "wav", "bit_depth": 24}, "wav"),
    ],
)
def test_every_format_keeps_length_pitch_and_loudness(
    params: dict[str, Any], suffix: str, out: Path, tmp_path: Path
) -> None:
    (made,) = transcode.run(tone(tmp_path / "tone.wav"), params, out, WAV)
    assert made.file == f"audio.{suffix}"
    assert made.metadata["duration_s"] == pytest.approx(2.0, abs=0.06)
    samples = _samples(out / made.file)
    assert len(samples) / RATE == pytest.approx(2.0, abs=0.05)
    assert _pitch(samples) == pytest.approx(440, abs=2)
    # The root mean square of a sine is its amplitude, 1/8 here, over the root of two.
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.125 / np.sqrt(2), rel=0.05)


def test_flac_loses_nothing(out: Path, tmp_path: Path) -> None:
    source = tone(tmp_path / "tone.wav")
    (made,) = transcode.run(source, {"format": "flac"}, out, WAV)
    assert np.array_equal(_samples(source), _samples(out / made.file))


def test_surround_is_mixed_to_stereo(out: Path, tmp_path: Path) -> None:
    six = "|".join(f"0.1*sin({100 * n}*2*PI*t)" for n in range(1, 7))
    source = tone(tmp_path / "six.wav", source=f"aevalsrc='{six}':c=5.1:s=48000")
    (made,) = transcode.run(source, {"format": "m4a"}, out, WAV)
    assert made.metadata["channels"] == 2


def test_an_unusual_rate_goes_up_to_one_the_codec_has(out: Path, tmp_path: Path) -> None:
    source = tone(tmp_path / "odd.wav", "-ar", "37800")
    for form, rate in (("mp3", 44_100), ("opus", 48_000), ("flac", 37_800)):
        (made,) = transcode.run(source, {"format": form}, out, WAV)
        assert made.metadata["sample_rate"] == rate


def test_the_sound_of_a_film_is_taken_out(out: Path, tmp_path: Path) -> None:
    (made,) = transcode.run(clip(tmp_path / "clip.mp4"), {}, out, Context("video/mp4"))
    assert _pitch(_samples(out / made.file)) == pytest.approx(440, abs=2)


def test_tags_are_stripped_unless_they_are_kept(out: Path, tmp_path: Path) -> None:
    source = tone(tmp_path / "tone.flac", "-metadata", "artist=Somebody private")
    for strip in (True, False):
        params = {"format": "mp3", "strip_metadata": strip}
        (made,) = transcode.run(source, params, out, Context("audio/flac"))
        assert (b"Somebody private" in (out / made.file).read_bytes()) is not strip


def test_words_are_no_sound(out: Path, tmp_path: Path) -> None:
    source = tmp_path / "words.mp3"
    source.write_text("la la la\n" * 200)
    with pytest.raises(BadMedia):
        transcode.run(source, {}, out, Context("audio/mpeg"))


@pytest.mark.parametrize(
    "params",
    [
        {"format": "opus", "sample_rate": 44_100},
        {"format": "wav", "bitrate_kbps": 128},
        {"format": "mp3", "bitrate_kbps": 512},
    ],
)
def test_what_a_format_has_not_is_refused(params: dict[str, object]) -> None:
    with pytest.raises(InvalidRecipe):
        transcode.parse(params)
