"""A waveform shows the peaks that the sound has, where it has them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden.av_samples import picture, tone
from mediakiln.operations.audio.waveform import waveform
from mediakiln.ports.operation import Context

WAV = Context("audio/wav")
STEP = "aevalsrc='if(lt(t,1),0.25,0.75)*sin(2*PI*1000*t)':s=48000"
"""A second at a quarter of full scale, then one at three quarters."""


def _data(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "waveform.json").read_text()))


def test_the_data_have_the_form_that_players_read(out: Path, tmp_path: Path) -> None:
    source = tone(tmp_path / "tone.wav")
    made, _ = waveform.run(source, {"width": 200}, out, WAV)
    data = _data(out)
    assert (data["version"], data["bits"], data["channels"]) == (2, 8, 1)
    assert data["sample_rate"] == 44_100
    assert len(data["data"]) == 2 * data["length"]
    assert 178 <= data["length"] <= 200
    told = data["length"] * data["samples_per_pixel"] / data["sample_rate"]
    assert told == pytest.approx(2.0, rel=0.02)
    assert made.metadata["duration_s"] == pytest.approx(2.0, abs=0.001)


@pytest.mark.parametrize(("bits", "full"), [(8, 128), (16, 32768)])
def test_peaks_are_where_the_sound_is_loud(bits: int, full: int, out: Path, tmp_path: Path) -> None:
    source = tone(tmp_path / "step.wav", source=STEP)
    waveform.run(source, {"width": 100, "bits": bits, "picture": "none"}, out, WAV)
    data = _data(out)
    low, high = np.array(data["data"][::2]) / full, np.array(data["data"][1::2]) / full
    middle = data["length"] // 2
    near = 1.5 / 128
    assert high[: middle - 1] == pytest.approx(np.full(middle - 1, 0.25), abs=near)
    assert low[: middle - 1] == pytest.approx(np.full(middle - 1, -0.25), abs=near)
    assert high[middle + 1 : -1] == pytest.approx(0.75, abs=near)
    assert low[middle + 1 : -1] == pytest.approx(-0.75, abs=near)


def test_channels_are_measured_apart(out: Path, tmp_path: Path) -> None:
    stereo = "aevalsrc='0.5*sin(880*PI*t)|0':s=44100"
    source = tone(tmp_path / "left.wav", source=stereo)
    params = {"width": 100, "split_channels": True, "picture": "none"}
    waveform.run(source, params, out, WAV)
    data = _data(out)
    points = np.array(data["data"]).reshape(data["length"], 2, 2)
    assert points[1:-1, 0, 1].min() >= 62
    assert np.abs(points[:, 1]).max() == 0


def test_the_picture_is_high_where_the_sound_is_loud(out: Path, tmp_path: Path) -> None:
    source = tone(tmp_path / "step.wav", source=STEP)
    params = {"width": 400, "height": 200, "colour": "#ff0000", "background": "#ffffff"}
    waveform.run(source, params, out, WAV)
    pixels = np.asarray(picture(out / "waveform.png").convert("RGB"))
    inked = (pixels[..., 1] < 128).sum(axis=0)
    assert pixels.shape == (200, 400, 3)
    assert np.median(inked[20:180]) == pytest.approx(50, abs=2)
    assert np.median(inked[220:380]) == pytest.approx(150, abs=2)


def test_silence_is_a_line(out: Path, tmp_path: Path) -> None:
    source = tone(tmp_path / "silence.wav", source="anullsrc=r=44100:cl=mono")
    waveform.run(source, {"width": 64, "height": 32}, out, WAV)
    alpha = np.asarray(picture(out / "waveform.png"))[..., 3]
    assert np.abs(alpha.astype(int).sum(axis=0) - 255).max() <= 1


def test_a_sound_shorter_than_the_picture_is_wide_still_draws(out: Path, tmp_path: Path) -> None:
    source = tone(tmp_path / "short.wav", seconds=0.002)
    waveform.run(source, {"width": 1000}, out, WAV)
    assert _data(out)["samples_per_pixel"] == 1
    assert picture(out / "waveform.png").size == (1000, 280)


def test_an_svg_is_one_outline_a_channel(out: Path, tmp_path: Path) -> None:
    source = tone(tmp_path / "tone.wav", "-ac", "2")
    params = {"picture": "svg", "split_channels": True, "width": 50}
    waveform.run(source, params, out, WAV)
    text = (out / "waveform.svg").read_text()
    assert text.count("<path") == 2
    assert 'viewBox="0 0 50 280"' in text
