"""The operations on sounds keep the contract of operations."""

from pathlib import Path

from golden.av_samples import clip, cut, playlist, tone
from mediakiln.operations.audio.transcode import transcode
from mediakiln.operations.audio.waveform import waveform
from mediakiln.testing.operation import OperationContract, Sample


def _tone(folder: Path) -> Path:
    return tone(folder / "tone.wav", seconds=0.5)


def _clip(folder: Path) -> Path:
    return clip(folder / "clip.mp4", seconds=0.4)


def _silent(folder: Path) -> Path:
    return clip(folder / "silent.mp4", seconds=0.4, sound=False)


def _cut(folder: Path) -> Path:
    return cut(tone(folder / "tone.m4a", "-c:a", "aac", seconds=1), 0.4)


def _text(folder: Path) -> Path:
    path = folder / "words.mp3"
    path.write_text("These are words, and no sound at all.\n" * 40)
    return path


def _playlist(folder: Path) -> Path:
    return playlist(folder / "list.mp3", "file:///etc/hostname")


BAD = (
    Sample(_silent, "video/mp4"),
    Sample(_cut, "audio/mp4"),
    Sample(_text, "audio/mpeg"),
    Sample(_playlist, "audio/mpeg"),
)


class TestAudioTranscode(OperationContract):
    operation = transcode
    good = (
        Sample(_tone, "audio/wav", {"format": "mp3"}),
        Sample(_tone, "audio/wav", {"format": "m4a", "channels": 2}),
        Sample(_tone, "audio/wav", {"format": "opus", "sample_rate": 16_000}),
        Sample(_tone, "audio/wav", {"format": "flac", "bit_depth": 24}),
        Sample(_clip, "video/mp4", {"format": "wav"}),
    )
    bad = BAD


class TestAudioWaveform(OperationContract):
    operation = waveform
    good = (
        Sample(_tone, "audio/wav"),
        Sample(_tone, "audio/wav", {"picture": "svg", "bits": 16, "background": "#ffffff"}),
        Sample(_clip, "video/mp4", {"picture": "none", "split_channels": True}),
    )
    bad = BAD
