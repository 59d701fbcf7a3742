"""The operations on videos keep the contract of operations."""

from pathlib import Path

from golden.av_samples import clip, cut, playlist
from mediakiln.operations.video.frames import frames
from mediakiln.operations.video.probe import probe
from mediakiln.operations.video.transcode import transcode
from mediakiln.testing.operation import OperationContract, Sample


def _clip(folder: Path) -> Path:
    return clip(folder / "clip.mp4", seconds=0.6)


def _silent(folder: Path) -> Path:
    return clip(folder / "silent.webm", "-c:v", "libvpx-vp9", seconds=0.4, sound=False)


def _cut(folder: Path) -> Path:
    return cut(clip(folder / "cut.mp4", seconds=0.6), 0.5)


def _playlist(folder: Path) -> Path:
    return playlist(folder / "list.avi", "file:///etc/hostname")


BAD = (Sample(_cut, "video/mp4"), Sample(_playlist, "video/x-msvideo"))


def _bad(**params: object) -> tuple[Sample, ...]:
    return tuple(Sample(item.path, item.media_type, params) for item in BAD)


class TestVideoProbe(OperationContract):
    operation = probe
    good = (Sample(_clip, "video/mp4"), Sample(_silent, "video/webm"))
    bad = BAD


class TestVideoTranscode(OperationContract):
    operation = transcode
    good = (
        Sample(_clip, "video/mp4", {"preset": "ultrafast", "width": 160}),
        Sample(_silent, "video/webm", {"container": "webm", "preset": "ultrafast"}),
    )
    bad = _bad(preset="ultrafast")


class TestVideoFrames(OperationContract):
    operation = frames
    good = (
        Sample(_clip, "video/mp4", {"count": 2, "poster": True}),
        Sample(_clip, "video/mp4", {"every_s": 0.05, "format": "webp", "width": 64}),
        Sample(_silent, "video/webm", {"times": [0.0, 9.0], "format": "png"}),
    )
    bad = _bad(count=3)
