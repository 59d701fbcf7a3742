"""Transcoded videos play as long, as upright and as sharp as their sources."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden.av_samples import clip, cut, huge_avi, playlist, turned
from mediakiln.model.errors import BadMedia, InvalidRecipe, LimitExceeded, TooManyPixels
from mediakiln.operations.av import limits, program
from mediakiln.operations.video.probe import probe
from mediakiln.operations.video.transcode import transcode
from mediakiln.ports.operation import Context

CONTEXT = Context("video/mp4")


def _info(path: Path, media_type: str = "video/mp4") -> dict[str, Any]:
    folder = path.parent / f"info-{path.stem}"
    folder.mkdir()
    probe.run(path, {}, folder, Context(media_type))
    return dict(json.loads((folder / "info.json").read_text()))


def _luma(path: Path, width: int, height: int) -> np.ndarray[Any, Any]:
    """Every frame's brightness: (frames, height, width)."""
    raw = ["-f", "rawvideo", "-pix_fmt", "gray"]
    with program.stream(["-i", f"file:{path}", "-an", *raw]) as pixels:
        data = pixels.read()
    return np.frombuffer(data, np.uint8).reshape(-1, height, width).astype(float)


@pytest.mark.parametrize(
    ("params", "codec", "sound"),
    [
        ({}, "AVC", "AAC"),
        ({"codec": "h265"}, "HEVC", "AAC"),
        ({"codec": "av1"}, "AV1", "AAC"),
        ({"container": "webm"}, "VP9", "Opus"),
        ({"container": "webm", "codec": "av1"}, "AV1", "Opus"),
    ],
)
def test_every_codec_keeps_length_and_picture(
    params: dict[str, Any], codec: str, sound: str, out: Path, tmp_path: Path
) -> None:
    source = clip(tmp_path / "clip.mp4")
    (made,) = transcode.run(source, params | {"preset": "veryfast"}, out, CONTEXT)
    info = _info(out / made.file, made.media_type)
    assert info["video"][0]["codec"] == codec
    assert info["audio"][0]["codec"] == sound
    assert info["duration_s"] == pytest.approx(2.0, abs=0.05)
    # MediaInfo does not tell everything of every codec.
    assert info["video"][0]["chroma"] in {"4:2:0", None}
    assert info["video"][0]["bit_depth"] in {8, None}
    before, after = _luma(source, 320, 180), _luma(out / made.file, 320, 180)
    assert before.shape == after.shape, "frames were lost or added"
    assert 10 * np.log10(255**2 / np.mean((before - after) ** 2)) > 27


def test_the_box_keeps_the_shape_and_gives_even_sides(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4")
    (made,) = transcode.run(source, {"width": 101, "preset": "ultrafast"}, out, CONTEXT)
    assert (made.metadata["width"], made.metadata["height"]) == (100, 56)


def test_a_turned_film_is_upright_without_its_matrix(out: Path, tmp_path: Path) -> None:
    source = turned(tmp_path / "turned.mp4", 90)
    assert _info(source)["video"][0]["rotation"] == 270
    (made,) = transcode.run(source, {"preset": "ultrafast"}, out, CONTEXT)
    stream = _info(out / made.file)["video"][0]
    assert (stream["width"], stream["height"], stream["rotation"]) == (180, 320, 0)


def test_a_silent_film_stays_silent(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", sound=False)
    (made,) = transcode.run(source, {"preset": "ultrafast"}, out, CONTEXT)
    assert _info(out / made.file)["audio"] == []


def test_metadata_is_stripped_unless_it_is_kept(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", "-metadata", "title=My secret place")
    for strip in (True, False):
        params = {"preset": "ultrafast", "strip_metadata": strip}
        (made,) = transcode.run(source, params, out, CONTEXT)
        assert (b"My secret place" in (out / made.file).read_bytes()) is not strip


def test_the_index_comes_first_where_asked(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4")
    for first in (True, False):
        params = {"preset": "ultrafast", "faststart": first}
        (made,) = transcode.run(source, params, out, CONTEXT)
        data = (out / made.file).read_bytes()
        assert (data.index(b"moov") < data.index(b"mdat")) is first


def test_frames_above_the_rate_are_dropped(out: Path, tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4")
    (made,) = transcode.run(source, {"preset": "ultrafast", "max_fps": 10}, out, CONTEXT)
    stream = _info(out / made.file)["video"][0]
    assert (stream["fps"], stream["frames"]) == (10.0, 20)


def test_hdr_comes_down_to_sdr(out: Path, tmp_path: Path) -> None:
    hdr = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    ten_bit = ["-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error"]
    source = clip(tmp_path / "hdr.mp4", *ten_bit, "-vf", hdr, "-tag:v", "hvc1", seconds=0.4)
    assert _info(source)["video"][0]["hdr"]
    (made,) = transcode.run(source, {"preset": "ultrafast"}, out, CONTEXT)
    stream = _info(out / made.file)["video"][0]
    assert (stream["hdr"], stream["transfer"], stream["bit_depth"]) == (None, "BT.709", 8)


def test_a_film_cut_short_says_that_it_is_partial(out: Path, tmp_path: Path) -> None:
    source = cut(clip(tmp_path / "cut.mp4", "-movflags", "+faststart"), 0.5)
    (made,) = transcode.run(source, {"preset": "ultrafast"}, out, CONTEXT)
    assert made.metadata["partial"] is True
    assert made.metadata["announced_s"] == pytest.approx(2.0, abs=0.05)


def test_a_huge_frame_is_refused_before_it_is_decoded(out: Path, tmp_path: Path) -> None:
    source = huge_avi(tmp_path / "huge.avi")
    context = Context("video/x-msvideo")
    with pytest.raises(TooManyPixels) as refused:
        transcode.run(source, {}, out, context)
    assert refused.value.context["limit"] == context.max_pixels
    with pytest.raises((TooManyPixels, BadMedia)):
        # FFmpeg itself holds the line where the header lied to MediaInfo.
        program.run([*program.source_options(source, context), "-f", "null", "-"])


def test_a_playlist_cannot_read_other_files(out: Path, tmp_path: Path) -> None:
    secret = clip(tmp_path / "secret.ts", "-f", "mpegts")
    for address in (secret.as_uri(), str(secret), "http://127.0.0.1:9/x.ts"):
        source = playlist(tmp_path / "list.avi", address)
        with pytest.raises(BadMedia):
            transcode.run(source, {}, out, Context("video/x-msvideo"))
        for media_type in ("video/x-msvideo", "video/mp4", "video/mp2t"):
            options = program.source_options(source, Context(media_type))
            with pytest.raises(BadMedia):
                program.run([*options, "-f", "null", "-"])


def test_a_film_too_long_is_refused(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_DURATION_S", 1.0)
    with pytest.raises(LimitExceeded) as refused:
        transcode.run(clip(tmp_path / "clip.mp4"), {}, out, CONTEXT)
    assert (refused.value.context["limit"], refused.value.context["value"]) == (1.0, 2.0)


@pytest.mark.parametrize(
    "params",
    [
        {"container": "webm", "codec": "h264"},
        {"container": "webm", "audio_codec": "aac"},
        {"crf": 60},
        {"crf": 20, "bitrate_kbps": 500},
        {"width": 8},
    ],
)
def test_what_does_not_fit_together_is_refused(params: dict[str, object]) -> None:
    with pytest.raises(InvalidRecipe):
        transcode.parse(params)
